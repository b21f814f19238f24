package payload

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/store/memory"
)

const (
	// StallTimeout is how long a client may take to send or to receive stallQuantum. A transfer as a whole may take
	// any time.
	StallTimeout = 30 * time.Second
	// stallQuantum is how much must pass in that time, in bytes, or else the rest of the body: 64 KiB, about 2 KB/s. A
	// limit for single reads would let a client hold its share of the memory for transfers without end, by sending a
	// byte now and then.
	stallQuantum = 64 << 10
)

// WithStallLimits ends requests whose clients stall while they send the body or receive the response: reading or
// writing then fails with os.ErrDeadlineExceeded. What is lent to a request is lent to a memory.Holder that knows how
// fast its client is.
func WithStallLimits(next http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		holder := memory.NewHolder(r.RemoteAddr)
		// Errors of setting deadlines are ignored: a server without deadlines has none to set.
		control := http.NewResponseController(w)
		response := &stallWriter{
			ResponseWriter: w,
			control:        control,
			sharesReads:    r.ProtoMajor == 1,
			pace: pace{
				set:     control.SetWriteDeadline,
				timeout: timeout,
				holder:  holder,
			},
		}
		body := &stallReader{
			ReadCloser: r.Body,
			pace: pace{
				set:     response.SetReadDeadline,
				timeout: timeout,
				holder:  holder,
			},
		}
		// The server reads what the handler leaves of a body before it responds. The length tells whether there is a body;
		// r.Body does not, since middleware that measures bodies wraps an empty one as well.
		if r.ContentLength != 0 {
			body.pace.renew(time.Now())
		}
		// The server looks at the body of its own request to see whether the client waits for a 100 (Continue), and how much
		// of the body is left: a copy gets the other one.
		inner := r.WithContext(memory.With(r.Context(), holder))
		inner.Body = body
		defer func() { r.Pattern = inner.Pattern }() // also after a panic
		next.ServeHTTP(response, inner)
		response.pace.anew() // for what is in the server's buffers
	})
}

// pace measures the time that a client takes for the present quantum. Only time in which the server waits for the
// client counts, not time in which the client waits for the server.
type pace struct {
	set     func(time.Time) error // sets the deadline of the connection
	timeout time.Duration
	holder  *memory.Holder

	spent    time.Duration // on the present quantum
	passed   int           // bytes of the present quantum
	deadline time.Time     // that is set
	manual   bool          // the handler sets the deadlines
}

// begin sets the deadline for a transfer that begins now, and returns the time. The error says why it must not begin.
func (p *pace) begin() (time.Time, error) {
	now := time.Now()
	if !p.manual {
		p.renew(now)
	}
	return now, p.holder.Begin(now, p.set)
}

// renew sets the deadline for the present quantum. One that is nearly right stays: most transfers are small.
func (p *pace) renew(now time.Time) {
	if deadline := now.Add(p.timeout - p.spent); deadline.Sub(p.deadline).Abs() > p.timeout/30 {
		p.deadline = deadline
		_ = p.set(deadline)
	}
}

// anew sets the deadline for another quantum, also where the handler has set the present one.
func (p *pace) anew() {
	p.spent = 0
	if p.manual {
		p.deadline = time.Time{}
	}
	p.renew(time.Now())
}

// end counts a transfer of n bytes that ended with err. It returns err, or the reason why the transfer had to end.
func (p *pace) end(begin time.Time, n int, err error) error {
	now := time.Now()
	p.spent += now.Sub(begin)
	p.passed += n
	if p.passed >= stallQuantum {
		p.spent = 0
		p.passed = 0
	}
	if reason := p.holder.End(now, n); reason != nil && err != nil && err != io.EOF { //nolint:errorlint // never wrapped
		return reason
	}
	return err
}

// stallReader reads the body of a request.
type stallReader struct {
	io.ReadCloser
	pace pace
}

func (s *stallReader) Read(p []byte) (int, error) {
	begin, err := s.pace.begin()
	if err != nil {
		return 0, s.pace.end(begin, 0, err)
	}
	n, err := s.ReadCloser.Read(p)
	err = s.pace.end(begin, n, err)
	if err == io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		// The server goes on reading, to notice a client that hangs up. That must have no deadline, and this read may just
		// have set one: a client that waits for its response is not stalled.
		s.pace.deadline = time.Time{}
		_ = s.pace.set(time.Time{})
	}
	return n, err
}

// stallWriter writes a response.
type stallWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	pace    pace

	sharesReads bool // with all requests of the connection: by HTTP/2 each has a deadline of its own
	readsEnded  atomic.Bool
}

// WriteHeader begins the response. It is the last one of the connection if reads were ended: the server may have been
// reading beyond the body, to notice a client that hangs up, and takes all requests that follow for cancelled then.
func (s *stallWriter) WriteHeader(status int) {
	if s.sharesReads && s.readsEnded.Load() {
		s.Header().Set("Connection", "close")
	}
	s.ResponseWriter.WriteHeader(status)
}

// SetReadDeadline sets the deadline for reading the body. One that has passed ends reads.
func (s *stallWriter) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now()) {
		s.readsEnded.Store(true)
	}
	return s.control.SetReadDeadline(t)
}

// Write writes a quantum at a time.
func (s *stallWriter) Write(p []byte) (int, error) {
	written := 0
	for {
		quantum := p[written:min(len(p), written+stallQuantum)]
		begin, err := s.pace.begin()
		n := 0
		if err == nil {
			n, err = s.ResponseWriter.Write(quantum)
		}
		err = s.pace.end(begin, n, err)
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// FlushError sends what has been written.
func (s *stallWriter) FlushError() error {
	begin, err := s.pace.begin()
	if err == nil {
		err = s.control.Flush()
	}
	return s.pace.end(begin, 0, err)
}

// SetWriteDeadline sets a deadline, and leaves those that follow to the handler too: a stream of events has a pace of
// its own.
func (s *stallWriter) SetWriteDeadline(t time.Time) error {
	s.pace.manual = true
	return s.control.SetWriteDeadline(t)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (s *stallWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

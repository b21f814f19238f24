package handlers

import (
	"io"
	"net/http"
	"time"
)

const (
	// stallTimeout is how long a client may take to send or to take a quantum. A transfer as a whole may last as long as it
	// likes.
	stallTimeout = 30 * time.Second
	// stallQuantum is how much must pass in that time, in bytes, or else the rest of the body: 64 KiB, about 2 KB/s. With one
	// byte now and then a client would hold its share of the memory for transfers for ever.
	stallQuantum = 64 << 10
)

// withDeadlines gives up on clients that stall, in both directions.
func withDeadlines(next http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A server without deadlines has none to set, and nothing to give up.
		control := http.NewResponseController(w)
		body := &deadlineReader{ReadCloser: r.Body, pace: pace{set: control.SetReadDeadline, timeout: timeout}}
		answer := &deadlineWriter{ResponseWriter: w, control: control, pace: pace{set: control.SetWriteDeadline, timeout: timeout}}
		// What a handler does not read of a body the server reads before it answers. Not r.Body != http.NoBody: who measures
		// bodies has wrapped that, too.
		if r.ContentLength != 0 {
			_ = control.SetReadDeadline(time.Now().Add(timeout))
		}
		r.Body = body
		next.ServeHTTP(answer, r)
		_ = control.SetWriteDeadline(time.Now().Add(timeout)) // what is still in buffers is sent from now on
	})
}

// pace is what is left to a client of the time for the present quantum. Only the time in which the server waits for the client
// counts, not that in which the client waits for the server.
type pace struct {
	set     func(time.Time) error
	timeout time.Duration

	spent  time.Duration // on the present quantum
	passed int           // bytes of it
	until  time.Time     // the deadline that is set
	manual bool          // somebody else sets it
}

// wait calls transfer, which waits for the client, under a deadline.
func (p *pace) wait(transfer func() (int, error)) (int, error) {
	start := time.Now()
	if !p.manual {
		// The deadline is not moved with each of many small transfers.
		if until := start.Add(p.timeout - p.spent); until.Sub(p.until).Abs() > p.timeout/30 {
			p.until = until
			_ = p.set(until)
		}
	}
	n, err := transfer()
	p.spent += time.Since(start)
	if p.passed += n; p.passed >= stallQuantum {
		p.spent, p.passed = 0, 0
	}
	return n, err
}

type deadlineReader struct {
	io.ReadCloser
	pace pace
}

func (d *deadlineReader) Read(p []byte) (int, error) {
	n, err := d.pace.wait(func() (int, error) { return d.ReadCloser.Read(p) })
	if err == io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		// The server goes on reading, to notice a client that hangs up, and without a deadline; this read may just have set
		// one. A client that waits for its answer is not stalled.
		d.pace.until = time.Time{}
		_ = d.pace.set(time.Time{})
	}
	return n, err
}

type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	pace    pace
}

// Write writes a quantum at a time.
func (d *deadlineWriter) Write(p []byte) (int, error) {
	written := 0
	for {
		next := p[written:min(len(p), written+stallQuantum)]
		n, err := d.pace.wait(func() (int, error) { return d.ResponseWriter.Write(next) })
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// FlushError sends what has been written.
func (d *deadlineWriter) FlushError() error {
	_, err := d.pace.wait(func() (int, error) { return 0, d.control.Flush() })
	return err
}

// SetWriteDeadline is for an answer that has a pace of its own, as a stream of events.
func (d *deadlineWriter) SetWriteDeadline(t time.Time) error {
	d.pace.manual = true
	return d.control.SetWriteDeadline(t)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (d *deadlineWriter) Unwrap() http.ResponseWriter { return d.ResponseWriter }

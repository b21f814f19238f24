package handlers

import (
	"io"
	"net/http"
	"time"
)

// stallTimeout is how long a client may neither send nor take a byte before its connection is given up. A transfer as a
// whole may last as long as it likes.
const stallTimeout = 30 * time.Second

// withDeadlines gives up on clients that stall, in both directions.
func withDeadlines(next http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A server without deadlines has none to set, and nothing to give up.
		control := http.NewResponseController(w)
		reading := deadline{set: control.SetReadDeadline, timeout: timeout}
		writing := deadline{set: control.SetWriteDeadline, timeout: timeout}
		r.Body = &deadlineReader{ReadCloser: r.Body, deadline: reading}
		next.ServeHTTP(&deadlineWriter{ResponseWriter: w, deadline: writing}, r)
		_ = writing.set(time.Now().Add(timeout)) // what is still in buffers is sent from now on
	})
}

// deadline is moved on with each read or write.
type deadline struct {
	set     func(time.Time) error
	timeout time.Duration
	last    time.Time
}

// extend sets the deadline anew, but not on each of many small reads.
func (d *deadline) extend() {
	if now := time.Now(); now.Sub(d.last) > d.timeout/30 {
		d.last = now
		_ = d.set(now.Add(d.timeout))
	}
}

type deadlineReader struct {
	io.ReadCloser
	deadline deadline
}

func (d *deadlineReader) Read(p []byte) (int, error) {
	d.deadline.extend()
	n, err := d.ReadCloser.Read(p)
	if err == io.EOF {
		// The server goes on reading, to notice a client that hangs up, and without a deadline; this read may just have set
		// one. A client that waits for its answer is not stalled.
		_ = d.deadline.set(time.Time{})
	}
	return n, err
}

type deadlineWriter struct {
	http.ResponseWriter
	deadline deadline
}

func (d *deadlineWriter) Write(p []byte) (int, error) {
	d.deadline.extend()
	return d.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (d *deadlineWriter) Unwrap() http.ResponseWriter { return d.ResponseWriter }

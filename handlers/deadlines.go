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
func withDeadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		r.Body = &deadlineReader{ReadCloser: r.Body, control: control}
		next.ServeHTTP(&deadlineWriter{ResponseWriter: w, control: control}, r)
	})
}

// deadlineStep is how old a deadline may get before it is set anew: not on each of many small reads.
const deadlineStep = time.Second

type deadlineReader struct {
	io.ReadCloser
	control *http.ResponseController
	set     time.Time
}

func (d *deadlineReader) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(d.set) > deadlineStep {
		d.set = now
		_ = d.control.SetReadDeadline(now.Add(stallTimeout)) // a server without deadlines has none to set
	}
	return d.ReadCloser.Read(p)
}

type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	set     time.Time
}

func (d *deadlineWriter) Write(p []byte) (int, error) {
	if now := time.Now(); now.Sub(d.set) > deadlineStep {
		d.set = now
		_ = d.control.SetWriteDeadline(now.Add(stallTimeout))
	}
	return d.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (d *deadlineWriter) Unwrap() http.ResponseWriter { return d.ResponseWriter }

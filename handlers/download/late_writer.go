package download

import (
	"net/http"

	"github.com/millrace/millrace/handlers/problem"
)

// LateWriter holds a response back until more of its body is there than the header of a file: what is read for it may
// turn out to be damaged.
type LateWriter struct {
	http.ResponseWriter
	status int // 0 until it is known
	held   []byte
	begun  bool
}

// NewLateWriter returns a writer of a response that has not begun.
func NewLateWriter(w http.ResponseWriter) *LateWriter { return &LateWriter{ResponseWriter: w} }

// maxHeld is how much of a body is held back, in bytes: the header of a .npy file is in it.
const maxHeld = 512

// WriteHeader implements http.ResponseWriter.
func (w *LateWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *LateWriter) Write(p []byte) (int, error) {
	if !w.begun && len(w.held)+len(p) <= maxHeld {
		w.held = append(w.held, p...)
		return len(p), nil
	}
	if err := w.begin(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// begin sends what is held back.
func (w *LateWriter) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
	}
	if len(w.held) == 0 {
		return nil
	}
	_, err := w.ResponseWriter.Write(w.held)
	return err
}

// Finish ends the response. After an error of the body it is a problem or, if it has begun, a connection that is
// aborted: no client may take it for whole.
func (w *LateWriter) Finish(err error) {
	switch {
	case err == nil:
		_ = w.begin() // the client may be gone
	case w.begun:
		panic(http.ErrAbortHandler)
	default:
		w.fail(err)
	}
}

// fail responds with a problem instead of what was to be sent.
func (w *LateWriter) fail(err error) {
	header := w.Header()
	for name := range header {
		switch name {
		case "Accept-Ranges", "Content-Digest", "Content-Disposition", "Content-Length", "Content-Range", "Etag",
			"Repr-Digest", "Vary":
			header.Del(name)
		}
	}
	problem.Write(w.ResponseWriter, err)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *LateWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

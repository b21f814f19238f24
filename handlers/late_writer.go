package handlers

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// lateWriter holds the status of a response back until the first byte of its body is there: what is read for it may turn
// out to be damaged.
type lateWriter struct {
	http.ResponseWriter
	status int // 0 until it is known
	begun  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *lateWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *lateWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

func (w *lateWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
	}
}

// finish ends the response. After an error of the body it is a problem or, if it has begun, a connection that is
// aborted: no client may take it for whole.
func (w *lateWriter) finish(problem error) {
	switch {
	case problem == nil:
		w.begin()
	case w.begun:
		panic(http.ErrAbortHandler)
	default:
		w.fail(problem)
	}
}

// fail responds with a problem instead of what was to be sent.
func (w *lateWriter) fail(problem error) {
	header := w.Header()
	for name := range header {
		switch name {
		case "Accept-Ranges", "Content-Digest", "Content-Disposition", "Content-Length", "Content-Range", "Etag",
			"Repr-Digest", "Vary":
			header.Del(name)
		}
	}
	header.Set("Content-Type", problemType)
	var headers huma.HeadersError
	if errors.As(problem, &headers) {
		for name, values := range headers.GetHeaders() {
			header[name] = values
		}
	}
	status := http.StatusInternalServerError
	var known huma.StatusError
	if errors.As(problem, &known) {
		status = known.GetStatus()
	}
	w.ResponseWriter.WriteHeader(status)
	_ = json.NewEncoder(w.ResponseWriter).Encode(problem) // the client may be gone
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *lateWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

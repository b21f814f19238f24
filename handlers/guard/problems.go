package guard

import (
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
)

// Problems turns the error responses of the standard library, of its mux and of http.ServeContent, into problems.
func Problems(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&problemWriter{ResponseWriter: w, request: r}, r)
	})
}

type problemWriter struct {
	http.ResponseWriter
	request  *http.Request
	replaced bool // the body of an error has been replaced; what next writes is dropped
}

func (w *problemWriter) WriteHeader(status int) {
	header := w.Header()
	if status < http.StatusBadRequest || header.Get("Content-Type") == resource.MediaProblem {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.replaced = true
	header.Del("Content-Disposition")
	method := w.request.Method
	if method == http.MethodHead {
		method = http.MethodGet // the length must be that of the response to a GET
	}
	detail := fmt.Sprintf("%s %.200s", method, w.request.URL.Path)
	resource.WriteProblem(w.ResponseWriter, huma.NewError(status, detail))
}

func (w *problemWriter) Write(p []byte) (int, error) {
	if w.replaced {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *problemWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

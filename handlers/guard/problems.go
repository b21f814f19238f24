package guard

import (
	"fmt"
	"net/http"

	"github.com/millrace/millrace/handlers/problem"
)

// Problems turns the error responses of the standard library, of its mux and of http.ServeContent, into problems.
// Patterns are those of the mux: a request for a path that is none of them is told of a similar one.
func Problems(next http.Handler, patterns []string) http.Handler {
	paths := pathsOf(patterns)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&problemWriter{
			ResponseWriter: w,
			request:        r,
			paths:          paths,
		}, r)
	})
}

// pathsAre says where to find the paths that exist.
const pathsAre = "The paths of the API are in /openapi.json, and described at /docs/."

type problemWriter struct {
	http.ResponseWriter
	request  *http.Request
	paths    paths
	replaced bool // the body of an error has been replaced; what next writes is dropped
}

func (w *problemWriter) WriteHeader(status int) {
	header := w.Header()
	if status < http.StatusBadRequest || header.Get("Content-Type") == problem.Media {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.replaced = true
	header.Del("Content-Disposition")
	problem.Write(w.ResponseWriter, problem.OfStatus(status, w.detail(status)))
}

// detail says what is wrong with the request, and what would be right.
func (w *problemWriter) detail(status int) string {
	method := w.request.Method
	if method == http.MethodHead {
		method = http.MethodGet // the length must be that of the response to a GET
	}
	path := w.request.URL.Path
	switch status {
	case http.StatusNotFound:
		detail := fmt.Sprintf("there is nothing at %.200s", path)
		if similar := w.paths.similar(path); similar != "" {
			return detail + "; did you mean " + similar + "? " + pathsAre
		}
		return detail + ". " + pathsAre
	case http.StatusMethodNotAllowed:
		return fmt.Sprintf("%.20s is not possible at %.200s, which takes %s", method, path, w.Header().Get("Allow"))
	case http.StatusRequestedRangeNotSatisfiable:
		return "the content has no such range; Content-Range says its size"
	}
	return fmt.Sprintf("%.20s %.200s", method, path)
}

func (w *problemWriter) Write(p []byte) (int, error) {
	if w.replaced {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *problemWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

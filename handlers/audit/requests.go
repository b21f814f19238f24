package audit

import (
	"io"
	"net/http"
	"strings"

	"github.com/millrace/millrace/handlers/guard"
)

// administers are the paths below which each change is an act.
var administers = []string{"/v1/keys", "/v1/tenants", "/v1/session", "/v1/webhooks", "/riverui/"}

// told is the path below which the bodies of requests say what they are about.
const told = "/riverui/"

// maxTold is how much of a body is kept, in bytes.
const maxTold = 200

// Requests writes the acts among the requests: what is deleted, and what changes keys, tenants, sessions and, in River
// UI, jobs and queues. It must run where the context has the client and the principal.
func (l *Log) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l == nil || !isAct(r) {
			next.ServeHTTP(w, r)
			return
		}
		body := &beginning{ReadCloser: r.Body}
		if strings.HasPrefix(r.URL.Path, told) && r.Body != nil {
			r.Body = body
		}
		noting := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		path := r.URL.Path
		next.ServeHTTP(noting, r)
		client := guard.ClientOf(r.Context()).String()
		if !guard.ClientOf(r.Context()).IsValid() {
			client = r.RemoteAddr // of a proxy that names no client
		}
		act := Act{
			Action:  actionOf(r),
			On:      path,
			Content: string(body.text),
			Client:  client,
			Outcome: outcomeOf(noting.status),
		}
		if act.Outcome != Done {
			act.Reason = http.StatusText(noting.status)
		}
		l.Note(r.Context(), act)
	})
}

// isAct reports whether a request is one of those that are written.
func isAct(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	case http.MethodDelete:
		return true
	}
	for _, path := range administers {
		if strings.HasPrefix(r.URL.Path, path) {
			return true
		}
	}
	return false
}

// actionOf names an act by its route. The names are few: those of routes, of which clients cannot make new ones.
func actionOf(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.URL.Path, told):
		return "change in River UI"
	case r.Pattern == "" || r.Pattern == "/":
		return "change without a route"
	case strings.HasPrefix(r.Pattern, "/"):
		return "change of " + r.Pattern
	}
	return r.Pattern
}

func outcomeOf(status int) Outcome {
	switch {
	case status < http.StatusBadRequest:
		return Done
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return Refused
	}
	return Failed
}

// statusWriter notes the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if status >= http.StatusOK { // or another one follows
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// beginning is a body whose first bytes are kept.
type beginning struct {
	io.ReadCloser
	text []byte
}

// Read implements io.Reader.
func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.text = append(b.text, p[:min(n, maxTold-len(b.text))]...)
	return n, err
}

// Package problem is what clients are told of errors: problems in the format of RFC 9457, each with a code for
// programs, a link to what the code means, and the id of the request. The table from error to code is in package
// handlers.
package problem

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Media is the media type of problems.
const Media = "application/problem+json"

// DocsPath is where the codes are described, on this server.
const DocsPath = "/docs/problems/"

// Problem is an error in the format of RFC 9457.
type Problem struct {
	Type      string              `json:"type"` // where the code is described
	Code      Code                `json:"code"`
	Title     string              `json:"title"`
	Status    int                 `json:"status"`
	Detail    string              `json:"detail"`
	RequestID string              `json:"request_id,omitempty"`
	Errors    []*huma.ErrorDetail `json:"errors,omitempty"`            // of parameters
	Violated  []string            `json:"violated-policies,omitempty"` // quotas
	Expected  *int64              `json:"expected-offset,omitempty"`   // of an upload
	Provided  *int64              `json:"provided-offset,omitempty"`
}

// New returns a problem.
func New(code Code, detail string) *Problem {
	return &Problem{
		Type:   DocsPath + "#" + string(code),
		Code:   code,
		Title:  http.StatusText(code.Status()),
		Status: code.Status(),
		Detail: detail,
	}
}

// OfStatus returns the problem of what has a status only.
func OfStatus(status int, detail string) *Problem {
	p := New(codeOf(status), detail)
	p.Status = status
	p.Title = http.StatusText(status)
	return p
}

// Retryable returns a problem that time mends, with its Retry-After.
func Retryable(code Code, detail string) error {
	return huma.ErrorWithHeaders(New(code, detail), http.Header{"Retry-After": {code.Retry()}})
}

// After returns a problem with a Retry-After that is as long as a duration, and at least a second.
func After(p *Problem, d time.Duration) error {
	return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {Seconds(max(d, time.Second))}})
}

// Seconds returns a duration in whole seconds, not less than it is.
func Seconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return Media }

// Of returns the problem that an error is: one of Huma, which has a status only, gets the code of that. An error that
// says nothing to clients is an internal one.
func Of(err error) *Problem {
	var p *Problem
	var model *huma.ErrorModel
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &model):
		p = OfStatus(model.Status, model.Detail)
		p.Errors = model.Errors
		return p
	}
	return New(Internal, "internal error, see the log of the API")
}

// RequestIDHeader is the header with the id of a request, in requests and in responses.
const RequestIDHeader = "X-Request-Id"

// Write responds with a problem, and with the headers that the error has.
func Write(w http.ResponseWriter, err error) {
	p := *Of(err)
	header := w.Header()
	p.RequestID = header.Get(RequestIDHeader)
	if strings.HasPrefix(p.Type, "/") {
		p.Type = prefixOf(w) + p.Type
	}
	header.Set("Content-Type", Media)
	var headers huma.HeadersError
	if errors.As(err, &headers) {
		for name, values := range headers.GetHeaders() {
			header[name] = values
		}
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}

// prefixOf returns the path below which a proxy serves the site, if one of the writers that w wraps knows it.
func prefixOf(w http.ResponseWriter) string {
	for {
		if below, ok := w.(interface{ Prefix() string }); ok {
			return below.Prefix()
		}
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return ""
		}
		w = wrapped.Unwrap()
	}
}

// Complete is a huma.Transformer that makes problems of the errors of operations, and of Huma.
func Complete(ctx huma.Context, _ string, body any) (any, error) { //house:ignore any Huma dictates the signature
	err, ok := body.(error)
	if !ok {
		return body, nil
	}
	p := *Of(err)
	_, w := humago.Unwrap(ctx)
	p.RequestID = w.Header().Get(RequestIDHeader)
	return &p, nil
}

package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/secret"
)

// Error is a response with a status of 300 or more.
type Error struct {
	Problem
	retryAfter time.Duration
}

func (e *Error) Error() string {
	text := cmp.Or(e.Detail, e.Title)
	for _, fault := range e.Errors {
		if fault.Location != nil && fault.Message != nil {
			text += fmt.Sprintf("; %s: %s", *fault.Location, *fault.Message)
		}
	}
	return secret.Redact(text)
}

// UnreachableError is a request without a response.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	server := e.Server
	if u, err := url.Parse(server); err == nil {
		server = u.Redacted()
	}
	return secret.Redact(fmt.Sprintf("the server at %s cannot be reached: %v", server, e.Err))
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// ErrDigest reports that downloaded content does not match the digest of the server.
var ErrDigest = errors.New("the content does not match its digest: it was damaged in transit or on this machine")

// permanentError is an error that another attempt would not resolve. It reads and unwraps as its cause.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

func permanentf(format string, args ...any) error {
	return &permanentError{fmt.Errorf(format, args...)}
}

// maxProblem limits how much of the body of an error is read, in bytes. Millrace's own are far shorter.
const maxProblem = 64 << 10

// newError returns the Error of a response. A response without a problem description, such as that of a proxy, is
// described by its request, its status and the first line of its body.
func newError(response *http.Response) *Error {
	e := &Error{}
	// If the body breaks, what was received still describes the error.
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	if json.Unmarshal(text, &e.Problem) != nil || e.Detail == "" {
		e.Detail = fmt.Sprintf("%s %s returned %s", response.Request.Method, response.Request.URL.Redacted(), response.Status)
		if line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n"); line != "" {
			e.Detail += fmt.Sprintf(": %.200s", line)
		}
	}
	e.Status = int32(response.StatusCode) //nolint:gosec // three digits
	e.retryAfter = retryAfter(response.Header.Get("Retry-After"))
	return e
}

// maxRetryAfter limits the pause that a server may ask for.
const maxRetryAfter = time.Minute

// retryAfter returns the pause that a Retry-After header asks for in seconds, 0 without one.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 {
		return 0
	}
	return min(maxRetryAfter, time.Duration(seconds)*time.Second)
}

// Package client talks to a Millrace server. Operations and its types are generated from the description of the API; Client
// adds what a program wants of it: streams in both directions, downloads that go on where they broke, and waiting.
package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Client calls the operations of one server. Those that can be repeated are, when the server is away for a moment or asks
// to come back later.
type Client struct {
	*ClientWithResponses
	server  string
	reached atomic.Bool // the server has answered: it is there, and will be back

	// Retries is how often an operation is tried again before its error counts.
	Retries int
	// Retrying, if set, is told of each of these errors, and how long it is until the next attempt.
	Retrying func(err error, pause time.Duration)
}

// New returns a client of the server at an address such as http://127.0.0.1:8080.
func New(server string, options ...ClientOption) (*Client, error) {
	operations, err := NewClientWithResponses(server, options...)
	if err != nil {
		return nil, fmt.Errorf("the address of the server: %w", err)
	}
	return &Client{ClientWithResponses: operations, server: server, Retries: 8}, nil
}

// Error is an answer that says what is wrong.
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
	return text
}

// UnreachableError says that a server does not answer at all.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the server at %s cannot be reached: %v", e.Server, e.Err)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// maxProblem is more than any description of an error has, in bytes.
const maxProblem = 64 << 10

// failure turns an answer that is no success into an error. The answer of something that is not Millrace has no description
// of an error, only the beginning of a page.
func failure(answer *http.Response) error {
	e := &Error{}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxProblem)) // what has come is all that there is to say
	if json.Unmarshal(text, &e.Problem) != nil || e.Detail == "" {
		e.Detail = fmt.Sprintf("%s %s answers %s", answer.Request.Method, answer.Request.URL, answer.Status)
		if line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n"); line != "" {
			e.Detail += fmt.Sprintf(": %.200s", line)
		}
	}
	e.Status = int32(answer.StatusCode) //nolint:gosec // three digits
	e.retryAfter = retryAfter(answer.Header.Get("Retry-After"))
	return e
}

// call sends a request that may be sent more than once, and decodes the JSON of its answer.
func call[T any](ctx context.Context, c *Client, send func() (*http.Response, error)) (T, error) {
	var body T
	err := c.retry(ctx, func() error {
		answer, err := send()
		if err := c.check(answer, err); err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		return decode(answer, &body)
	})
	return body, err
}

// decode reads the JSON of an answer.
func decode(answer *http.Response, body any) error {
	err := json.NewDecoder(answer.Body).Decode(body)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) {
		return fmt.Errorf("%wthe answer of %s is not what Millrace answers: %w", errFinal, answer.Request.URL, err)
	}
	return err
}

// check notes that the server is there, and turns every answer that is no success into an error. The body of an answer that
// is none stays open.
func (c *Client) check(answer *http.Response, err error) error {
	if err != nil {
		var request *url.Error // its text begins with the address
		if errors.As(err, &request) {
			err = request.Err
		}
		return &UnreachableError{c.server, err}
	}
	c.reached.Store(true)
	if answer.StatusCode >= http.StatusMultipleChoices {
		defer func() { _ = answer.Body.Close() }()
		return failure(answer)
	}
	return nil
}

// header sets a header of a request.
func header(name, value string) RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set(name, value)
		return nil
	}
}

// once makes a request take effect once, however often it is sent.
func once() RequestEditorFn { return header("Idempotency-Key", uuid.NewString()) }

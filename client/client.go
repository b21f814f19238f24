// Package client talks to a Millrace server. Operations and its types are generated from the OpenAPI description;
// Client adds retries, streaming uploads, downloads that resume, and waiting for a multiplication.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// defaultRetries outlasts a restart of the server: the pauses add up to at least 8 s.
const defaultRetries = 8

// Client calls the operations of one server. Its methods repeat a request after a transient error, SubmitBody excepted.
// The generated operations, which it embeds, do not.
type Client struct {
	*ClientWithResponses
	server  string
	reached atomic.Bool // the server has responded at least once

	// Retries is how often an operation is retried before its error is returned.
	Retries int
	// Retrying, if set, is called before each retry with the error and the pause until the next attempt.
	Retrying func(err error, pause time.Duration)
}

// New returns a client of the server at an address such as http://127.0.0.1:8080.
func New(server string, options ...ClientOption) (*Client, error) {
	options = append([]ClientOption{WithTransport(sharedTransport())}, options...)
	operations, err := NewClientWithResponses(server, append(options, WithRequestEditorFn(askFirst), keepToken)...)
	if err != nil {
		return nil, fmt.Errorf("server address: %w", err)
	}
	return &Client{
		ClientWithResponses: operations,
		server:              server,
		Retries:             defaultRetries,
	}, nil
}

// call sends a request that may be sent more than once, and decodes the JSON of its response.
func call[T any](ctx context.Context, c *Client, send func() (*http.Response, error)) (T, error) {
	var body T
	err := c.retry(ctx, func() error {
		response, err := send()
		if err := c.check(response, err); err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		defer time.AfterFunc(responseTimeout, func() { _ = response.Body.Close() }).Stop()
		return decode(response, &body)
	})
	return body, err
}

// decode reads the JSON of a response. A response that is not the expected JSON is a permanent error; a connection that
// breaks is not.
func decode(response *http.Response, body any) error {
	err := json.NewDecoder(response.Body).Decode(body)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) {
		return permanentf("the response of %s is not from a Millrace server: %w", response.Request.URL.Redacted(), err)
	}
	return err
}

// check returns an error unless the status of the response is below 300. It closes the body of a response that it turns
// into an error. The arguments are what http.Client.Do has returned.
func (c *Client) check(response *http.Response, err error) error {
	if err != nil {
		var token *TokenError
		if errors.As(err, &token) {
			return &permanentError{token}
		}
		var request *url.Error // its text begins with the address
		if errors.As(err, &request) {
			err = request.Err
		}
		return &UnreachableError{Server: c.server, Err: err}
	}
	c.reached.Store(true)
	if response.StatusCode >= http.StatusMultipleChoices {
		defer func() { _ = response.Body.Close() }()
		return newError(response)
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

// idempotent adds a key that makes a request take effect once, however often it is sent.
func idempotent() RequestEditorFn { return header("Idempotency-Key", uuid.NewString()) }

// contentLength sets the size of a body from which net/http cannot tell it.
func contentLength(n int64) RequestEditorFn {
	return func(ctx context.Context, r *http.Request) error {
		r.ContentLength = n
		return askFirst(ctx, r)
	}
}

// askedSize is the size of the largest body that is sent without asking, in bytes.
const askedSize = 1 << 20

// askFirst makes a request with a large body wait until the server asks for the body, or refuses it. A server that
// does not know how to ask gets the body after http.Transport's ExpectContinueTimeout.
func askFirst(_ context.Context, r *http.Request) error {
	if r.ContentLength > askedSize {
		r.Header.Set("Expect", "100-continue")
	}
	return nil
}

package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// Final reports whether the state is an outcome.
func (s MultiplicationState) Final() bool {
	return s == MultiplicationStateCompleted || s == MultiplicationStateFailed || s == MultiplicationStateCancelled
}

// Stored is the operand that a stored matrix is.
func Stored(id string) Operand { return Operand{MatrixID: &id} }

// Submit queues a product.
func (c *Client) Submit(ctx context.Context, s Submission) (Multiplication, error) {
	key := once()
	return call[Multiplication](ctx, c, func() (*http.Response, error) { return c.SubmitMultiplication(ctx, nil, s, key) })
}

// SubmitBody queues a product that is described by a body of n bytes: the JSON of a Submission, or a form with the files a
// and b. It is sent once only: a reader cannot be read again.
func (c *Client) SubmitBody(ctx context.Context, contentType string, body io.Reader, n int64) (Multiplication, error) {
	var m Multiplication
	answer, err := c.SubmitMultiplicationWithBody(ctx, nil, contentType, body, length(n))
	if err := c.check(answer, err); err != nil {
		return m, err
	}
	defer func() { _ = answer.Body.Close() }()
	return m, json.NewDecoder(answer.Body).Decode(&m)
}

// Multiplication returns a product and how far it is.
func (c *Client) Multiplication(ctx context.Context, id string) (Multiplication, error) {
	return call[Multiplication](ctx, c, func() (*http.Response, error) { return c.GetMultiplication(ctx, id, nil) })
}

// Matrix returns the shape and state of a stored matrix.
func (c *Client) Matrix(ctx context.Context, id string) (Matrix, error) {
	return call[Matrix](ctx, c, func() (*http.Response, error) { return c.GetMatrix(ctx, id, nil) })
}

// Cancel ends a product that is not done.
func (c *Client) Cancel(ctx context.Context, id string) (Multiplication, error) {
	key := once()
	return call[Multiplication](ctx, c, func() (*http.Response, error) { return c.CancelMultiplication(ctx, id, nil, key) })
}

// Retry puts a product that has failed or was cancelled back into the queue.
func (c *Client) Retry(ctx context.Context, id string) (Multiplication, error) {
	key := once()
	return call[Multiplication](ctx, c, func() (*http.Response, error) { return c.RetryMultiplication(ctx, id, nil, key) })
}

// List returns a page of products, the newest first.
func (c *Client) List(ctx context.Context, params ListMultiplicationsParams) (MultiplicationList, error) {
	return call[MultiplicationList](ctx, c, func() (*http.Response, error) { return c.ListMultiplications(ctx, &params) })
}

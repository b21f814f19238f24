package client

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// Final reports whether the state is completed, failed or cancelled. Only a retry leaves such a state.
func (s MultiplicationState) Final() bool {
	return s == MultiplicationStateCompleted || s == MultiplicationStateFailed || s == MultiplicationStateCancelled
}

// Stored returns an operand that refers to a stored matrix.
func Stored(id string) Operand { return Operand{MatrixID: &id} }

// Submit queues a multiplication.
func (c *Client) Submit(ctx context.Context, s Submission) (Multiplication, error) {
	key := idempotent()
	return call[Multiplication](ctx, c, func() (*http.Response, error) { return c.SubmitMultiplication(ctx, nil, s, key) })
}

// SubmitBody queues the multiplication that a body of n bytes describes: the JSON of a Submission, or a form with the
// files a and b. It does not retry, because the body can be read only once.
func (c *Client) SubmitBody(ctx context.Context, contentType string, body io.Reader, n int64) (Multiplication, error) {
	response, err := c.SubmitMultiplicationWithBody(ctx, nil, contentType, body, contentLength(n))
	if err := c.check(response, err); err != nil {
		return Multiplication{}, err
	}
	defer func() { _ = response.Body.Close() }()
	var m Multiplication
	err = decode(response, &m)
	return m, err
}

// Multiplication returns a multiplication with its state and progress.
func (c *Client) Multiplication(ctx context.Context, id string) (Multiplication, error) {
	return call[Multiplication](ctx, c, func() (*http.Response, error) { return c.GetMultiplication(ctx, id, nil) })
}

// Matrix returns the shape and state of a stored matrix.
func (c *Client) Matrix(ctx context.Context, id string) (Matrix, error) {
	return call[Matrix](ctx, c, func() (*http.Response, error) { return c.GetMatrix(ctx, id, nil) })
}

// Cancel cancels a pending or running multiplication.
func (c *Client) Cancel(ctx context.Context, id string) (Multiplication, error) {
	key := idempotent()
	return call[Multiplication](ctx, c, func() (*http.Response, error) {
		return c.CancelMultiplication(ctx, id, nil, key)
	})
}

// Retry queues a failed or cancelled multiplication again.
func (c *Client) Retry(ctx context.Context, id string) (Multiplication, error) {
	key := idempotent()
	return call[Multiplication](ctx, c, func() (*http.Response, error) { return c.RetryMultiplication(ctx, id, nil, key) })
}

// List returns one page of multiplications, the newest first.
func (c *Client) List(ctx context.Context, params ListMultiplicationsParams) (MultiplicationList, error) {
	return call[MultiplicationList](ctx, c, func() (*http.Response, error) { return c.ListMultiplications(ctx, &params) })
}

// Matrices returns one page of matrices, the newest first.
func (c *Client) Matrices(ctx context.Context, params ListMatricesParams) (MatrixList, error) {
	return call[MatrixList](ctx, c, func() (*http.Response, error) { return c.ListMatrices(ctx, &params) })
}

// Delete deletes a multiplication and its result; one that has not finished is cancelled. A repeated request that finds
// nothing has been preceded by one whose response was lost.
func (c *Client) Delete(ctx context.Context, id string) error {
	sent := 0
	return c.retry(ctx, func() error {
		sent++
		response, err := c.DeleteMultiplication(ctx, id, nil)
		if err := c.check(response, err); err != nil {
			var problem *Error
			if sent > 1 && errors.As(err, &problem) && problem.Status == http.StatusNotFound {
				return nil
			}
			return err
		}
		return response.Body.Close()
	})
}

// Overview returns the state of the system.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	return call[Overview](ctx, c, func() (*http.Response, error) { return c.GetOverview(ctx) })
}

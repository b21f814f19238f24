package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// MaxOrders is how many orders a batch has at most.
const MaxOrders = 10_000

const (
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
)

// Accepted reports whether the order has become a multiplication; else its problem says why not.
func (i BatchItem) Accepted() bool { return i.ID != nil }

// Final reports whether nothing more is to be expected of the order: its multiplication has finished, or there is none.
func (i BatchItem) Final() bool {
	return i.State == nil || MultiplicationState(*i.State).Final()
}

// SubmitAll queues up to MaxOrders multiplications in one request, and returns what has become of each, in their order.
// Each is queued once, also if the request has to be repeated.
func (c *Client) SubmitAll(ctx context.Context, orders []Submission) ([]BatchItem, error) {
	return c.submitOrders(ctx, orders, false)
}

// MultiplyAll is SubmitAll, and returns when all multiplications have finished. The items have the results, with their
// values if they are small.
func (c *Client) MultiplyAll(ctx context.Context, orders []Submission) ([]BatchItem, error) {
	return c.submitOrders(ctx, orders, true)
}

// SubmitLines is SubmitAll for the text of NDJSON, with a Submission on each line. A line that is not valid is the
// problem of an item.
func (c *Client) SubmitLines(ctx context.Context, text []byte) ([]BatchItem, error) {
	return c.submitText(ctx, mediaNDJSON, text, false)
}

// MultiplyLines is MultiplyAll for the text of NDJSON.
func (c *Client) MultiplyLines(ctx context.Context, text []byte) ([]BatchItem, error) {
	return c.submitText(ctx, mediaNDJSON, text, true)
}

func (c *Client) submitOrders(ctx context.Context, orders []Submission, wait bool) ([]BatchItem, error) {
	if orders == nil {
		orders = []Submission{} // not null
	}
	text, err := json.Marshal(orders)
	if err != nil {
		return nil, err
	}
	return c.submitText(ctx, mediaJSON, text, wait)
}

// submitText sends a batch. To wait, it repeats the request: what was accepted first is what it waits for.
func (c *Client) submitText(ctx context.Context, kind string, text []byte, wait bool) ([]BatchItem, error) {
	ticker := time.NewTicker(pollInterval) // if the server cannot have another request wait
	defer ticker.Stop()
	key := idempotent()
	var params SubmitBatchParams
	if wait {
		params.Prefer = new("wait=60")
	}
	for {
		b, err := call[Batch](ctx, c, func() (*http.Response, error) {
			return c.SubmitBatchWithBody(ctx, &params, kind, bytes.NewReader(text), key)
		})
		if err != nil || !wait || final(b.Items) {
			return b.Items, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return b.Items, ctx.Err()
		}
	}
}

func final(items []BatchItem) bool {
	for _, i := range items {
		if !i.Final() {
			return false
		}
	}
	return true
}

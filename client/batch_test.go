package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/millrace/millrace/client"
)

// TestBatchIsRepeated: a batch is repeated with one key after a transient error, and until all multiplications have
// finished.
func TestBatchIsRepeated(t *testing.T) {
	t.Parallel()
	const pending = `{"items":[{"status":422,"problem":{"status":422,"title":"t","detail":"d"}},{"status":202,"id":"1","state":"pending"}]}`
	const done = `{"items":[{"status":422,"problem":{"status":422,"title":"t","detail":"d"}},{"status":200,"id":"1","state":"completed"}]}`
	keys := map[string]bool{}
	var bodies []string
	responses := []http.Response{response(503, ""), response(200, pending), response(200, done)}
	s := doer(func(r *http.Request) (*http.Response, error) {
		keys[r.Header.Get("Idempotency-Key")] = true
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if len(bodies) > len(responses) {
			return nil, errors.New("one request too many")
		}
		resp := responses[len(bodies)-1]
		resp.Request = r
		return &resp, nil
	})
	c, err := client.New("http://server", client.WithHTTPClient(s))
	if err != nil {
		t.Fatal(err)
	}
	items, err := c.MultiplyAll(context.Background(), []client.Submission{{A: client.Stored("x"), B: client.Stored("y")}, {}})
	if err != nil || len(items) != 2 || items[0].Accepted() || !items[1].Final() {
		t.Errorf("MultiplyAll() = %+v, %v", items, err)
	}
	if len(keys) != 1 || len(bodies) != 3 || bodies[0] != bodies[2] || keys[""] {
		t.Errorf("the requests have the keys %v and the bodies %q, want one of each", keys, bodies)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

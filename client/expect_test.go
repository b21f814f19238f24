package client_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/client"
)

// TestLargeBodiesAreAskedFor: nothing of a large body is sent to a server that refuses the request.
func TestLargeBodiesAreAskedFor(t *testing.T) {
	t.Parallel()
	expected := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		expected <- r.Header.Get("Expect")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnsupportedMediaType)
		_, _ = w.Write([]byte(`{"detail": "no"}`))
	}))
	defer server.Close()
	c, err := client.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		size int
		want string
	}{
		{1 << 20, ""},
		{1<<20 + 1, "100-continue"},
	} {
		content := make([]byte, test.size)
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var sent int64
		for name, call := range map[string]func(context.Context) error{
			"Upload": func(ctx context.Context) error {
				_, err := c.Upload(ctx, path, func(n int64) { sent = n })
				return err
			},
			"SubmitBody": func(ctx context.Context) error {
				_, err := c.SubmitBody(ctx, "application/json", bytes.NewReader(content), int64(test.size))
				return err
			},
			"a generated operation": func(ctx context.Context) error {
				response, err := c.CreateMatrixWithBody(ctx, nil, "application/x-npy", bytes.NewReader(content))
				if err == nil {
					_ = response.Body.Close()
					err = &client.Error{Problem: client.Problem{Status: int32(response.StatusCode)}}
				}
				return err
			},
		} {
			var refused *client.Error
			if err := call(t.Context()); !errors.As(err, &refused) || refused.Status != http.StatusUnsupportedMediaType {
				t.Errorf("%s of %d bytes: %v, want the status 415", name, test.size, err)
			}
			if got := <-expected; got != test.want {
				t.Errorf("%s of %d bytes: Expect is %q, want %q", name, test.size, got, test.want)
			}
		}
		if test.want != "" && sent > 0 {
			t.Errorf("%d bytes of a refused file were read, want none", sent)
		}
	}
}

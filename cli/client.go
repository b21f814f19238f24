package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/store"
)

// client talks to an API as any other program would.
type client struct {
	base string
	http http.Client
}

// pollInterval is how often a client looks at a product.
const pollInterval = 200 * time.Millisecond

// do sends a request and decodes the JSON answer into out.
func (c *client) do(ctx context.Context, method, path, kind string, body io.Reader, size int64, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", kind)
		r.ContentLength = size
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusBadRequest {
		return problem(answer)
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

// problem turns an error answer into an error.
func problem(answer *http.Response) error {
	var p struct{ Detail string }
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if json.Unmarshal(text, &p) != nil || p.Detail == "" {
		p.Detail = string(text)
	}
	return fmt.Errorf("%s: %s", answer.Status, p.Detail)
}

// upload sends a .npy file.
func (c *client) upload(ctx context.Context, path string, moved func(n int64)) (handlers.Matrix, error) {
	var m handlers.Matrix
	file, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return m, err
	}
	body := &countingReader{Reader: file, moved: moved}
	if err := c.do(ctx, http.MethodPost, "/v1/matrices", "application/x-npy", body, info.Size(), &m); err != nil {
		return m, fmt.Errorf("uploading %s: %w", path, err)
	}
	return m, nil
}

// submit queues the product of two matrices.
func (c *client) submit(ctx context.Context, a, b handlers.Matrix) (handlers.Multiplication, error) {
	var p handlers.Multiplication
	body, err := json.Marshal(map[string]any{
		"a": map[string]string{"matrix_id": a.ID}, "b": map[string]string{"matrix_id": b.ID},
	})
	if err != nil {
		return p, err
	}
	if err := c.do(ctx, http.MethodPost, "/v1/multiplications", "application/json", bytes.NewReader(body), int64(len(body)), &p); err != nil {
		return p, fmt.Errorf("submitting: %w", err)
	}
	return p, nil
}

// wait returns when the product has ended; it fails when that did not go well.
func (c *client) wait(ctx context.Context, id string, seen func(handlers.Multiplication)) (handlers.Multiplication, error) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		var p handlers.Multiplication
		if err := c.do(ctx, http.MethodGet, "/v1/multiplications/"+id, "", nil, 0, &p); err != nil {
			return p, fmt.Errorf("looking at multiplication %s: %w", id, err)
		}
		seen(p)
		switch {
		case p.State == store.Completed:
			return p, nil
		case p.State.Final():
			return p, fmt.Errorf("multiplication %s is %s: %s", id, p.State, p.Failure)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}

// download writes the .npy file at href to path.
func (c *client) download(ctx context.Context, href, path string, moved func(n int64)) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("downloading to %s: %w", path, err)
		}
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+href, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/x-npy")
	answer, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return problem(answer)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, &countingReader{Reader: answer.Body, moved: moved}); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// countingReader reports how many bytes pass.
type countingReader struct {
	io.Reader
	moved func(n int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.moved(int64(n))
	return n, err
}

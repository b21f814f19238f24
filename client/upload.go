package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

const mediaNPY = "application/x-npy"

// Upload stores a .npy file as a matrix. It calls progress with the number of bytes that the current attempt has
// sent; a retry starts again at zero.
func (c *Client) Upload(ctx context.Context, path string, progress func(n int64)) (Matrix, error) {
	file, err := os.Open(path)
	if err != nil {
		return Matrix{}, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return Matrix{}, err
	}
	key := idempotent()
	m, err := call[Matrix](ctx, c, func() (*http.Response, error) {
		body := &uploadBody{
			Reader:   io.NewSectionReader(file, 0, info.Size()),
			progress: progress,
		}
		defer body.stop()
		return c.CreateMatrixWithBody(ctx, nil, mediaNPY, body, contentLength(info.Size()), key)
	})
	if err != nil {
		return m, fmt.Errorf("uploading %s: %w", path, err)
	}
	return m, nil
}

// uploadBody is the request body of one attempt.
type uploadBody struct {
	io.Reader
	progress func(n int64)
	mutex    sync.Mutex
	n        int64
	stopped  bool
}

// Read implements io.Reader.
func (u *uploadBody) Read(p []byte) (int, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.stopped {
		return 0, os.ErrClosed
	}
	n, err := u.Reader.Read(p)
	u.n += int64(n)
	u.progress(u.n)
	return n, err
}

// stop makes further reads fail: the transport may still read after it has returned a response.
func (u *uploadBody) stop() {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.stopped = true
}

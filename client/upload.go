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

// Upload stores a .npy file as a matrix. It calls moved with the number of bytes that are sent so far, which begins anew
// when the upload has to.
func (c *Client) Upload(ctx context.Context, path string, moved func(n int64)) (Matrix, error) {
	file, err := os.Open(path)
	if err != nil {
		return Matrix{}, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return Matrix{}, err
	}
	key := once()
	m, err := call[Matrix](ctx, c, func() (*http.Response, error) {
		body := &upload{Reader: io.NewSectionReader(file, 0, info.Size()), moved: moved}
		defer body.stop()
		return c.CreateMatrixWithBody(ctx, nil, mediaNPY, body, length(info.Size()), key)
	})
	if err != nil {
		return m, fmt.Errorf("uploading %s: %w", path, err)
	}
	return m, nil
}

// length sets the size of a body that is not known otherwise.
func length(n int64) RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.ContentLength = n
		return nil
	}
}

// upload is one attempt at sending a body.
type upload struct {
	io.Reader
	moved func(n int64)
	mutex sync.Mutex
	n     int64
	ended bool
}

func (u *upload) Read(p []byte) (int, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.ended {
		return 0, os.ErrClosed
	}
	n, err := u.Reader.Read(p)
	u.n += int64(n)
	u.moved(u.n)
	return n, err
}

// stop makes sure that nothing is read any more: the transport may go on to after it has returned.
func (u *upload) stop() {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.ended = true
}

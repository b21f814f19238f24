package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

const mediaNPY = "application/x-npy"

// Upload stores a .npy file as a matrix. It calls progress with the number of bytes that have been sent. A retry of a
// file of 4 MiB or more goes on behind what the server has, else it starts again at zero.
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
	if info.Size() >= resumableFrom {
		r := resumable{
			client:   c,
			file:     file,
			size:     info.Size(),
			progress: progress,
		}
		m, err := r.run(ctx)
		if err == nil {
			return m, nil
		}
		if !errors.Is(err, errNotResumable) {
			return m, fmt.Errorf("uploading %s: %w", path, err)
		}
	}
	key := idempotent()
	m, err := call[Matrix](ctx, c, func() (*http.Response, error) {
		body := &uploadBody{
			Reader:   io.NewSectionReader(file, 0, info.Size()),
			progress: progress,
		}
		defer body.stop()
		return c.sendNPY(ctx, body, info.Size(), key)
	})
	if err != nil {
		return m, fmt.Errorf("uploading %s: %w", path, err)
	}
	return m, nil
}

// UploadStream stores the .npy file of a known size that r delivers. It calls progress with the number of bytes that
// were sent. Since r can be read only once, it retries a request only until the server has begun to read.
func (c *Client) UploadStream(
	ctx context.Context, r io.Reader, size int64, progress func(n int64),
) (m Matrix, err error) {
	content, in := io.Pipe()
	defer func() { _ = content.Close() }()
	go func() { // a read of r may last until the other end of a pipe is closed, and net/http would wait for it
		_, err := io.Copy(in, r)
		_ = in.CloseWithError(err)
	}()
	defer context.AfterFunc(ctx, func() { _ = content.CloseWithError(ctx.Err()) })()
	body := &streamBody{Reader: content, progress: progress}
	key := idempotent()
	err = c.retry(ctx, func() error {
		// It asks first whatever the size: what was read of r cannot be sent again.
		response, err := c.sendNPY(ctx, body, size, key, header("Expect", "100-continue"))
		if err = c.check(response, err); err == nil {
			err = decode(response, &m)
			_ = response.Body.Close()
		}
		if err != nil && body.n.Load() > 0 {
			return &permanentError{err}
		}
		return err
	})
	if err != nil {
		return m, fmt.Errorf("uploading: %w", err)
	}
	return m, nil
}

// sendNPY sends the request of an upload. It returns when the server has responded.
func (c *Client) sendNPY(
	ctx context.Context, content io.Reader, size int64, editors ...RequestEditorFn,
) (*http.Response, error) {
	bounded, body, cancel := bound(ctx, content)
	response, err := c.CreateMatrixWithBody(bounded, nil, mediaNPY, body, append(editors, contentLength(size))...)
	if err != nil {
		defer cancel()
		if cause := context.Cause(bounded); cause != nil { // err may be that of the content, which ends with the context
			err = cause
		}
		return nil, err
	}
	response.Body = &sentResponse{ReadCloser: response.Body, cancel: cancel}
	return response, nil
}

// sentResponse releases the context of its request when it is closed.
type sentResponse struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (s *sentResponse) Close() error {
	defer s.cancel()
	return s.ReadCloser.Close()
}

// streamBody is the body of a request that is sent once.
type streamBody struct {
	io.Reader
	progress func(n int64)
	n        atomic.Int64
}

// Read implements io.Reader.
func (s *streamBody) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.progress(s.n.Add(int64(n)))
	return n, err
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

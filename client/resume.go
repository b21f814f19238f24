package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	// resumableFrom is the size of the smallest file whose upload goes on after a break, in bytes: less is sent again.
	resumableFrom = 4 << 20
	mediaPart     = "application/partial-upload"
)

// resumable is the upload of a file that goes on after a break.
type resumable struct {
	client   *Client
	file     io.ReaderAt
	size     int64
	progress func(n int64)

	id     uuid.UUID
	offset int64 // what the server has
}

// errNotResumable means that a server knows uploads only that do not go on.
var errNotResumable = errors.New("the server does not know uploads that go on")

// run uploads the file. It returns errNotResumable before anything is sent.
func (r *resumable) run(ctx context.Context) (m Matrix, err error) {
	if err := r.begin(ctx); err != nil {
		return m, err
	}
	for failed := 0; ; failed++ {
		before := r.offset
		var done bool
		if done, err = r.send(ctx, &m); done {
			return m, err
		}
		if failed >= r.client.Retries || !r.goesOn(ctx, err) {
			return m, err
		}
		if err := r.client.pause(ctx, failed, err); err != nil {
			return m, err
		}
		complete, err := r.ask(ctx)
		if err != nil {
			return m, err
		}
		if complete {
			return r.client.Matrix(ctx, r.id.String())
		}
		if r.offset > before {
			failed = -1 // it has got on
		}
	}
}

// begin makes the upload.
func (r *resumable) begin(ctx context.Context) error {
	complete := "?0"
	length := strconv.FormatInt(r.size, 10)
	params := &CreateMatrixParams{UploadComplete: (*CreateMatrixParamsUploadComplete)(&complete), UploadLength: &length}
	key := idempotent()
	upload, err := call[PartialUpload](ctx, r.client, func() (*http.Response, error) {
		response, err := r.client.CreateMatrixWithBody(ctx, params, mediaNPY, http.NoBody, key)
		if err == nil && response.StatusCode == http.StatusBadRequest { // it has taken the request for an empty file
			_ = response.Body.Close()
			return nil, &permanentError{errNotResumable}
		}
		return response, err
	})
	if errors.Is(err, errNotResumable) {
		return errNotResumable
	}
	if err == nil {
		r.id, err = uuid.Parse(upload.ID)
	}
	return err
}

// send sends what the server does not have. It reports whether the upload is over: complete, or refused.
func (r *resumable) send(ctx context.Context, m *Matrix) (done bool, err error) {
	body := &uploadBody{
		Reader:   io.NewSectionReader(r.file, r.offset, r.size-r.offset),
		progress: r.progress,
		n:        r.offset,
	}
	defer body.stop()
	bounded, content, cancel := bound(ctx, body)
	defer cancel()
	complete := "?1"
	offset := strconv.FormatInt(r.offset, 10)
	params := &AppendUploadParams{UploadComplete: (*AppendUploadParamsUploadComplete)(&complete), UploadOffset: &offset}
	response, err := r.client.AppendUploadWithBody(bounded, r.id.String(), params, mediaPart, content,
		contentLength(r.size-r.offset))
	if cause := context.Cause(bounded); err != nil && cause != nil {
		err = cause
	}
	if err := r.client.check(response, err); err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	defer time.AfterFunc(responseTimeout, func() { _ = response.Body.Close() }).Stop()
	if err := decode(response, m); err != nil {
		return false, err
	}
	return true, nil
}

// goesOn reports whether an upload may go on after an error: it has got out of step with the server, or the error
// passes.
func (r *resumable) goesOn(ctx context.Context, err error) bool {
	var problem *Error
	if errors.As(err, &problem) && problem.Status == http.StatusConflict {
		return ctx.Err() == nil
	}
	return r.client.transient(ctx, err)
}

// ask asks where the upload goes on, and whether it is complete.
func (r *resumable) ask(ctx context.Context) (complete bool, err error) {
	for failed := 0; ; failed++ {
		response, err := r.client.GetUpload(ctx, r.id.String())
		err = r.client.check(response, err)
		if err == nil {
			_ = response.Body.Close()
			state := response.Header
			if r.offset, err = strconv.ParseInt(strings.TrimSpace(state.Get("Upload-Offset")), 10, 64); err != nil {
				return false, fmt.Errorf("the server does not say where the upload goes on: %w", err)
			}
			return state.Get("Upload-Complete") == "?1", nil
		}
		if failed >= r.client.Retries || !r.goesOn(ctx, err) {
			return false, err
		}
		if err := r.client.pause(ctx, failed, err); err != nil {
			return false, err
		}
	}
}

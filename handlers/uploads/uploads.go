// Package uploads has the operations on uploads that go on after a break, as the draft of the IETF on resumable uploads
// describes them: its fields in the request that begins an upload, and the resource by which it goes on.
package uploads

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/uploads"
)

// Uploads implements the operations.
type Uploads struct {
	store    *store.Store
	jobs     *jobs.Client
	maxBytes int64 // of a matrix
	fail     func(context.Context, error) error
}

// New returns the operations on uploads of matrices of at most maxBytes each; 0 or less means no limit. Errors that do
// not say what to respond are given to fail.
func New(s *store.Store, c *jobs.Client, maxBytes int64, fail func(context.Context, error) error) *Uploads {
	return &Uploads{
		store:    s,
		jobs:     c,
		maxBytes: maxBytes,
		fail:     fail,
	}
}

// Register adds the operations.
func (u *Uploads) Register(api huma.API, routes *auth.Routes) {
	const one = apidoc.UploadsPath + "/{id}"
	auth.Route(api, routes, "HEAD "+one, apidoc.GetUpload(), auth.Failing(u.fail, u.offset))
	auth.Route(api, routes, "PATCH "+one, apidoc.AppendUpload(), auth.Failing(u.fail, u.append))
	auth.Route(api, routes, "DELETE "+one, apidoc.CancelUpload(), auth.Failing(u.fail, u.cancel))
}

// own returns the part of the store that a request may see and use.
func (u *Uploads) own(ctx context.Context) store.Tenant {
	return u.store.For(identity.From(ctx).Tenant)
}

// ByID is a request for an upload. An id that is none leads to a 404, as one that is unknown.
type ByID struct {
	ID string `path:"id"`
}

func (in ByID) id() uuid.UUID {
	id, _ := uuid.Parse(in.ID)
	return id
}

// State are the headers that say how far an upload has come.
type State struct {
	Offset   string `header:"Upload-Offset"`
	Complete string `header:"Upload-Complete"`
	Length   string `header:"Upload-Length"`
	Limit    string `header:"Upload-Limit"`
}

// stateOf returns the headers of an upload.
func (u *Uploads) stateOf(up uploads.Upload) State {
	s := State{
		Offset:   fmt.Sprint(up.Offset),
		Complete: "?0",
		Length:   fmt.Sprint(up.Length),
		Limit:    u.Limits(time.Until(up.ExpiresAt)),
	}
	if up.Completed {
		s.Complete = "?1"
	}
	return s
}

// Limits returns the Upload-Limit of an upload that lives for some time.
func (u *Uploads) Limits(life time.Duration) string {
	text := fmt.Sprintf("min-size=%d, min-append-size=%d, max-age=%d", uploads.MinBytes, uploads.MaxStep,
		max(0, int64(life.Seconds())))
	if u.maxBytes > 0 {
		text = fmt.Sprintf("max-size=%d, ", u.maxBytes+maxHead) + text
	}
	return text
}

// maxHead is how long the head of a .npy file may be, in bytes.
const maxHead = 64 << 10

type stateOutput struct {
	Status int
	State
}

// offset handles HEAD /v1/uploads/{id}.
func (u *Uploads) offset(ctx context.Context, in *ByID) (*stateOutput, error) {
	up, err := uploads.Offset(ctx, u.own(ctx), in.id())
	if err != nil {
		return nil, told(err)
	}
	return &stateOutput{Status: http.StatusNoContent, State: u.stateOf(up)}, nil
}

// cancel handles DELETE /v1/uploads/{id}.
func (u *Uploads) cancel(ctx context.Context, in *ByID) (*struct{}, error) {
	return nil, uploads.Cancel(ctx, u.own(ctx), in.id())
}

// mismatch is the type that IANA has registered.
const mismatch = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"

// told returns what clients are told of an error of an upload; others are returned as they are.
func told(err error) error {
	var held *uploads.HeldError
	var offset *uploads.OffsetError
	switch {
	case errors.As(err, &held):
		return problem.After(problem.New(problem.UploadHeld, err.Error()), held.For)
	case errors.As(err, &offset):
		p := problem.New(problem.UploadOffset, err.Error())
		p.Type = mismatch
		p.Expected = &offset.Want
		p.Provided = &offset.Got
		return huma.ErrorWithHeaders(p, http.Header{"Upload-Offset": {fmt.Sprint(offset.Want)}, "Retry-After": {"0"}})
	case errors.Is(err, uploads.ErrCompleted):
		return huma.ErrorWithHeaders(problem.New(problem.UploadCompleted, err.Error()), http.Header{"Retry-After": {"0"}})
	case errors.Is(err, uploads.ErrLost):
		return problem.After(problem.New(problem.UploadHeld, uploads.ErrLost.Error()), 0)
	}
	return err
}

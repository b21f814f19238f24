package uploads

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/catalog"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/retention"
	"github.com/millrace/millrace/store/uploads"
)

type appendInput struct {
	ByID
	Params
	Offset        string `header:"Upload-Offset"`
	ContentDigest string `header:"Content-Digest"`
}

type appendOutput struct {
	Status   int
	Location string `header:"Location"`
	State
	Body *resource.Matrix
}

// part is a part of a file.
type part struct {
	body   *payload.Body
	offset int64 // where it begins
	last   bool  // it is the rest of the file
}

// append handles PATCH /v1/uploads/{id}.
func (u *Uploads) append(ctx context.Context, in *appendInput) (*appendOutput, error) {
	var p part
	var err error
	if p.offset, err = number(in.Offset); err != nil {
		return nil, fmt.Errorf("%w: Upload-Offset must say where the body begins in the file", payload.ErrBadRequest)
	}
	if p.last, err = flag(in.Complete); err != nil {
		return nil, fmt.Errorf("%w: Upload-Complete must say whether the body is the rest of the file: ?1, or ?0",
			payload.ErrBadRequest)
	}
	if in.http.Header.Get("Repr-Digest") != "" {
		return nil, fmt.Errorf("%w: Repr-Digest belongs to the request that begins the upload", payload.ErrBadRequest)
	}
	if p.body, err = payload.OpenPart(in.http, resource.MediaPart); err != nil {
		return nil, err
	}
	return u.receive(ctx, in, p)
}

// receive appends a part to an upload.
func (u *Uploads) receive(ctx context.Context, in *appendInput, p part) (*appendOutput, error) {
	release, err := p.body.Reserve(ctx, u.store)
	if err != nil {
		return nil, err
	}
	defer release()
	hold, err := uploads.Begin(ctx, u.own(ctx), in.id(), p.offset)
	if err != nil {
		return nil, told(err)
	}
	defer func() { _ = hold.Release() }() // its lease ends anyway
	if err := u.fits(in, p, hold.Length); err != nil {
		return nil, err
	}
	t := &transfer{
		uploads:  u,
		response: in.w,
		hold:     hold,
		part:     p,
	}
	m, err := t.run(ctx)
	if cause := context.Cause(hold.Wanted()); err != nil && cause != nil {
		if errors.Is(cause, uploads.ErrLost) {
			u.clean(ctx, hold.ID)
		}
		err = cause // that the body could not be read follows from it
	}
	if err != nil {
		return nil, told(err)
	}
	out := &appendOutput{Status: http.StatusNoContent, State: u.stateOf(hold.Upload)}
	if m != nil {
		out.Status = http.StatusCreated
		out.Location = apidoc.MatricesPath + "/" + m.ID.String()
		out.Complete = "?1"
		body := catalog.Body(*m)
		out.Body = &body
	}
	return out, nil
}

// fits compares the length of a body with that of the file.
func (u *Uploads) fits(in *appendInput, p part, length int64) error {
	if said, err := number(in.Length); err == nil && said != length {
		return fmt.Errorf("%w: Upload-Length is %d, the upload began with %d", payload.ErrBadRequest, said, length)
	}
	size := in.http.ContentLength
	switch end := p.offset + size; {
	case size < 0, end == length, end < length && !p.last:
		return nil
	default:
		return fmt.Errorf("%w: the body ends at byte %d of the file, which has %d", payload.ErrBadRequest, end, length)
	}
}

// unblock ends the reads of a request when a context ends, until the function that it returns is called.
func unblock(ctx context.Context, w http.ResponseWriter) func() {
	over := make(chan struct{})
	ended := make(chan struct{})
	control := http.NewResponseController(w)
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		const again = 50 * time.Millisecond // a read that begins sets a deadline of its own
		for {
			_ = control.SetReadDeadline(time.Unix(1, 0))
			select {
			case <-over:
				return
			case <-time.After(again):
			}
		}
	})
	return func() {
		if stop() {
			return
		}
		close(over)
		<-ended
	}
}

// clean deletes the blocks of an upload that was cancelled while it went on.
func (u *Uploads) clean(ctx context.Context, id uuid.UUID) {
	if _, err := uploads.Get(ctx, u.own(ctx), id); errors.Is(err, store.ErrNotFound) {
		_ = u.store.Blocks.Delete(ctx, id) // what is left is swept
	}
}

// complete makes the matrix of an upload ready.
func (u *Uploads) complete(ctx context.Context, hold *uploads.Hold, upload *store.Upload) (m store.Matrix, err error) {
	hold.Settle()
	err = u.own(ctx).InTx(ctx, func(tx *store.TenantTx) error {
		m, err = upload.FinishTx(ctx, tx.Tx())
		if err == nil {
			err = u.jobs.Quotas().CheckTx(ctx, tx)
		}
		if keep := hold.Retention; err == nil && keep > 0 {
			m.ExpiresAt = m.CreatedAt.Add(keep)
			err = retention.SetTx(ctx, tx, uuid.Nil, []uuid.UUID{m.ID}, keep)
		}
		if err == nil {
			err = hold.CompleteTx(ctx, tx)
		}
		return err
	})
	return m, err
}

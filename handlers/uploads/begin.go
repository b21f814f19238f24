package uploads

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/dunglas/httpsfv"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/uploads"
)

// Params are the headers of the request that begins an upload.
type Params struct {
	Complete string `header:"Upload-Complete"`
	Length   string `header:"Upload-Length"`

	http *http.Request
	w    http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (p *Params) Resolve(ctx huma.Context) []error {
	p.http, p.w = humago.Unwrap(ctx)
	return nil
}

// Partial reports whether the request begins an upload that will go on. One that says that it has all of a file is an
// upload as any other.
func (p *Params) Partial() bool {
	complete, err := flag(p.Complete)
	return err == nil && !complete
}

// Order is an upload that is to begin.
type Order struct {
	Length    int64
	digests   string
	retention time.Duration
	params    *Params
}

// Order returns what a request asks for.
func (u *Uploads) Order(ctx context.Context, p *Params, retention time.Duration) (Order, error) {
	o := Order{
		digests:   strings.Join(p.http.Header.Values("Repr-Digest"), ", "),
		retention: retention,
		params:    p,
	}
	var err error
	switch o.Length, err = number(p.Length); {
	case err != nil || o.Length < uploads.MinBytes:
		return o, fmt.Errorf("%w: an upload that goes on must have Upload-Length, the size of the file: %d bytes or "+
			"more; send one that is smaller without Upload-Complete", payload.ErrInvalid, uploads.MinBytes)
	case u.maxBytes > 0 && o.Length > u.maxBytes+maxHead:
		return o, fmt.Errorf("%w: a file of %d bytes has more than the allowed %d bytes", matrix.ErrTooLarge, o.Length,
			u.maxBytes)
	}
	if _, err := payload.ParseWhole(o.digests); err != nil {
		return o, err
	}
	return o, u.jobs.Quotas().CheckStored(ctx, identity.From(ctx).Tenant, o.Length-maxHead)
}

// Fingerprint distinguishes an order from others with the same idempotency key.
func (o Order) Fingerprint() string { return fmt.Sprintf("?upload=%d&digest=%s", o.Length, o.digests) }

// BeginTx makes the upload of an order. It returns its path, and what clients are told of it.
func (u *Uploads) BeginTx(
	ctx context.Context, tx *store.TenantTx, o Order,
) (path string, body resource.PartialUpload, err error) {
	up, err := uploads.CreateTx(ctx, tx, o.Length, o.digests, o.retention)
	return apidoc.UploadsPath + "/" + up.ID.String(), resource.PartialUpload{
		ID:        up.ID.String(),
		Length:    up.Length,
		ExpiresAt: up.ExpiresAt.UTC(),
	}, err
}

// First appends what the request that begins an upload has of the file. It returns the headers of the response.
// A request that is repeated appends nothing: its upload may have gone on.
func (u *Uploads) First(ctx context.Context, o Order, path string, again bool) (State, error) {
	in := appendInput{
		ByID:   ByID{ID: strings.TrimPrefix(path, apidoc.UploadsPath+"/")},
		Params: *o.params,
	}
	if again || in.http.ContentLength == 0 {
		up, err := uploads.Offset(ctx, u.own(ctx), in.id())
		if err != nil {
			return State{}, told(err)
		}
		return u.stateOf(up), nil
	}
	body, err := payload.OpenPart(in.http, resource.MediaNPY)
	if err != nil {
		return State{}, err
	}
	out, err := u.receive(ctx, &in, part{body: body})
	if err != nil {
		return State{}, err
	}
	return out.State, nil
}

// flag parses a boolean of a structured field.
func flag(text string) (bool, error) {
	item, err := httpsfv.UnmarshalItem([]string{text})
	value, ok := item.Value.(bool)
	if err == nil && !ok {
		err = fmt.Errorf("%w: %.20q is not ?0 or ?1", payload.ErrBadRequest, text)
	}
	return value, err
}

// number parses an integer of a structured field that is not negative.
func number(text string) (int64, error) {
	item, err := httpsfv.UnmarshalItem([]string{text})
	value, ok := item.Value.(int64)
	if err == nil && (!ok || value < 0) {
		err = fmt.Errorf("%w: %.20q is not a number of bytes", payload.ErrBadRequest, text)
	}
	return value, err
}

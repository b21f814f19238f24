// Package catalog lists the matrices of a tenant.
package catalog

import (
	"context"
	"encoding/hex"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/cursor"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/catalog"
)

// Register adds the operation on the matrices of a store. Errors that do not say what to respond are given to fail.
func Register(api huma.API, routes *auth.Routes, s *store.Store, fail func(context.Context, error) error) {
	list := func(ctx context.Context, in *input) (*output, error) {
		return in.list(ctx, s.For(identity.From(ctx).Tenant))
	}
	auth.Route(api, routes, "GET "+apidoc.MatricesPath, apidoc.ListMatrices(), auth.Failing(fail, list))
}

// input is the request for a page.
type input struct {
	guard.Conditional
	//house:ignore words "product" is a value of the API
	Source string    `query:"source" enum:"upload,inline,random,product,s3" doc:"Only matrices that were made in this way: product is the result of a multiplication, s3 an object in a bucket" example:"upload"`
	Since  time.Time `query:"created_since" doc:"Only matrices created at this time or later" example:"2026-01-02T15:04:05Z"`
	Before time.Time `query:"created_before" doc:"Only matrices created before this time" example:"2026-01-03T00:00:00Z"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of matrices in the page"`
	Cursor string    `query:"cursor" doc:"next_cursor of the previous page, with the same filters"`
	url    url.URL
}

// Resolve implements huma.Resolver.
func (in *input) Resolve(ctx huma.Context) []error {
	in.url = ctx.URL()
	return nil
}

type output struct {
	Link string `header:"Link"`
	ETag string `header:"ETag"`
	Body resource.MatrixList
}

// list handles GET /v1/matrices.
func (in *input) list(ctx context.Context, t store.Tenant) (*output, error) {
	behind, err := cursor.Parse(in.Cursor)
	if err != nil {
		return nil, err
	}
	page, next, err := catalog.Page(ctx, t, catalog.Filter{
		Source: store.MatrixSource(in.Source),
		Since:  in.Since,
		Before: in.Before,
	}, behind, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &output{Body: resource.MatrixList{Items: make([]resource.Matrix, len(page))}}
	for i, m := range page {
		out.Body.Items[i] = Body(m)
	}
	if next != nil {
		out.Body.NextCursor = cursor.Format(*next)
		out.Link = cursor.Link(apidoc.MatricesPath, in.url, out.Body.NextCursor)
	}
	if out.ETag, err = guard.EntityTag(out.Body); err == nil {
		err = in.Compare(out.ETag)
	}
	return out, err
}

// Body returns the JSON form of a matrix.
func Body(m store.Matrix) resource.Matrix {
	body := resource.Matrix{
		ID:        m.ID.String(),
		Rows:      m.Rows,
		Cols:      m.Cols,
		DType:     m.DType,
		State:     string(m.State),
		Source:    string(m.Source),
		S3:        payload.Object(m.Object),
		Bytes:     m.Shape().Bytes(),
		CreatedAt: m.CreatedAt.UTC(),
		ExpiresAt: m.ExpiresAt.UTC(),
	}
	if m.Digest != nil {
		body.Digest = "sha-256:" + hex.EncodeToString(m.Digest)
	}
	return body
}

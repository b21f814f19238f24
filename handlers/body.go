package handlers

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/identity"
)

// DigestParams are the headers of RFC 9530 with the digest of the request's body. Package payload reads them.
type DigestParams struct {
	ContentDigest string `header:"Content-Digest"`
	ReprDigest    string `header:"Repr-Digest"`
}

// StreamedBody is the input of an operation that reads its body as a stream, since matrices may not fit in memory.
type StreamedBody struct {
	IdempotencyParam
	DigestParams
	http *http.Request
}

// Resolve implements huma.Resolver.
func (b *StreamedBody) Resolve(ctx huma.Context) []error {
	b.http, _ = humago.Unwrap(ctx)
	return b.IdempotencyParam.Resolve(ctx)
}

// request returns the request with its body opened. The body must be of one of the given media types.
func (b *StreamedBody) request(mediaTypes ...string) (request, error) {
	r, err := b.IdempotencyParam.request()
	if err != nil {
		return r, err
	}
	r.body, err = payload.Open(b.http, r.key != "", mediaTypes...)
	return r, err
}

// newIntake returns an Intake of the matrices of a request, which are received while their tenant has room for them.
func (a *API) newIntake(ctx context.Context) *payload.Intake {
	intake := payload.NewIntake(a.own(ctx), a.limits.MaxMatrixBytes)
	intake.Bound(func(ctx context.Context, bytes int64) error {
		return a.jobs.Quotas().CheckStored(ctx, identity.From(ctx).Tenant, bytes)
	})
	return intake
}

package handlers

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/payload"
)

const (
	mediaNPY       = payload.NPY
	mediaJSON      = payload.JSON
	mediaMultipart = payload.Multipart
)

// DigestParams are the headers of RFC 9530 by which a client makes sure that its body arrives as it was sent. Package
// payload reads them.
type DigestParams struct {
	ContentDigest string `header:"Content-Digest"`
	ReprDigest    string `header:"Repr-Digest"`
}

// StreamedBody is the input of an operation that reads its body as a stream: matrices do not fit in memory.
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

// request opens the body, which must be of one of the given media types.
func (b *StreamedBody) request(mediaTypes ...string) (r request, err error) {
	if r.key, err = b.key(); err != nil {
		return r, err
	}
	r.path = b.path
	r.body, err = payload.Open(b.http, r.key != "", mediaTypes...)
	return r, err
}

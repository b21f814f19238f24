package handlers

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/bulk"
	"github.com/millrace/millrace/handlers/download"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/resource"
)

// batchInput is the request for many multiplications.
type batchInput struct {
	StreamedBody
	Waiting
	Accept string `header:"Accept" hidden:"true"`
}

// Resolve implements huma.Resolver.
func (in *batchInput) Resolve(ctx huma.Context) []error {
	return append(in.StreamedBody.Resolve(ctx), in.Waiting.Resolve(ctx)...)
}

// lines reports whether the client wants NDJSON rather than JSON. Errors: download.ErrNotAccepted.
func (in *batchInput) lines() (bool, error) {
	if in.Accept == "" {
		return false, nil
	}
	lines, json := download.Quality(in.Accept, resource.MediaNDJSON), download.Quality(in.Accept, resource.MediaJSON)
	if lines <= 0 && json <= 0 {
		return false, fmt.Errorf("%w: batches are served as %s or %s", download.ErrNotAccepted,
			resource.MediaJSON, resource.MediaNDJSON)
	}
	return lines > json, nil
}

// submitBatch handles POST /v1/multiplications:batch.
func (a *API) submitBatch(ctx context.Context, in *batchInput) (*huma.StreamResponse, error) {
	lines, err := in.lines()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	r, err := in.request(resource.MediaJSON, resource.MediaNDJSON)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	service := bulk.Service{
		Store:    a.own(ctx),
		Jobs:     a.jobs,
		Hub:      a.hub,
		Held:     a.held,
		Lanes:    a.lanes,
		MaxBytes: a.limits.MaxMatrixBytes,
		Own:      a.ownPriorities(ctx),
		Problem:  a.fail,
	}
	response, err := service.Submit(ctx, bulk.Request{
		Key:         r.key,
		Path:        r.path,
		Body:        r.body,
		Fingerprint: r.fingerprint,
		Waits:       in.asked,
		Limit:       in.limit,
		Lines:       lines,
		Prefix:      guard.Prefix(in.http.Header),
	})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		response.Send(ctx, w)
	}}, nil
}

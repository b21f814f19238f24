package handlers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// IDParam is the path parameter of all routes of one resource.
type IDParam struct {
	ID string `path:"id"`
}

// parseID returns the id. Ids are opaque: one that is not of our form names nothing.
func (in IDParam) parseID(what string) (uuid.UUID, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return id, fmt.Errorf("%s %.60q: %w", what, in.ID, store.ErrNotFound)
	}
	return id, nil
}

type multiplicationInput struct {
	IDParam
	Conditional
	Waiting
}

type multiplicationOutput struct {
	ETag              string `header:"ETag"`
	PreferenceApplied string `header:"Preference-Applied"`
	Vary              string `header:"Vary"`
	Body              resource.Multiplication
}

// getMultiplication answers GET /v1/multiplications/{id}.
func (a *API) getMultiplication(ctx context.Context, in *multiplicationInput) (*multiplicationOutput, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &multiplicationOutput{Vary: "Prefer"}
	var o outcome
	if in.asked {
		out.PreferenceApplied = in.applied()
		o, err = a.await(ctx, id, in.Waiting)
	} else {
		o, err = a.present(ctx, id)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out.Body, out.ETag = o.body, o.etag
	return out, in.compare(o.etag)
}

type cancelInput struct {
	IDParam
	IdempotencyParam
}

type changedOutput struct {
	Status            int
	PreferenceApplied string `header:"Preference-Applied"`
	Replayed
	Body rendered[resource.Multiplication]
}

// cancelMultiplication answers POST /v1/multiplications/{id}/cancel.
func (a *API) cancelMultiplication(ctx context.Context, in *cancelInput) (*changedOutput, error) {
	return a.change(ctx, in.IDParam, in.IdempotencyParam, a.jobs.Cancel)
}

type retryInput struct {
	IDParam
	IdempotencyParam
	Waiting
}

// Resolve implements huma.Resolver.
func (in *retryInput) Resolve(ctx huma.Context) []error {
	return append(in.IdempotencyParam.Resolve(ctx), in.Waiting.Resolve(ctx)...)
}

// retryMultiplication answers POST /v1/multiplications/{id}/retry.
func (a *API) retryMultiplication(ctx context.Context, in *retryInput) (*changedOutput, error) {
	out, err := a.change(ctx, in.IDParam, in.IdempotencyParam, a.jobs.Retry)
	if err == nil && in.asked {
		id, _ := in.parseID("multiplication") // which was right a moment ago
		if o, e := a.await(ctx, id, in.Waiting); e == nil {
			out.Body, out.PreferenceApplied = render(o.body), in.applied()
		}
	}
	return out, err
}

// change does something to a multiplication and answers with what has become of it. The body of the request, if it has one,
// says nothing.
func (a *API) change(
	ctx context.Context, in IDParam, k IdempotencyParam, do func(context.Context, uuid.UUID, ...jobs.AnswerTx) error,
) (*changedOutput, error) {
	r := request{path: k.path}
	id, err := in.parseID("multiplication")
	if err == nil {
		r.key, err = k.key()
	}
	var answer reply
	if err == nil {
		answer, err = a.once(ctx, r, func() error { return nil }, func(keep keepTx) error {
			return do(ctx, id, a.showTx(http.StatusOK, keep))
		})
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &changedOutput{Status: answer.status, Replayed: answer.header(), Body: rendered[resource.Multiplication]{text: answer.body}}, nil
}

// deleteMultiplication answers DELETE /v1/multiplications/{id}.
func (a *API) deleteMultiplication(ctx context.Context, in *IDParam) (*struct{}, error) {
	id, err := in.parseID("multiplication")
	if err == nil {
		err = a.jobs.Delete(ctx, id)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

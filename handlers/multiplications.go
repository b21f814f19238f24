package handlers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/store"
)

// IDParam is the path parameter of the routes of one resource.
type IDParam struct {
	ID string `path:"id"`
}

// parseID returns the id. Ids are opaque: one of another form is that of no resource.
func (in IDParam) parseID(what string) (uuid.UUID, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return id, fmt.Errorf("%s %.60q: %w", what, in.ID, store.ErrNotFound)
	}
	return id, nil
}

type multiplicationInput struct {
	IDParam
	guard.Conditional
	Waiting
}

type multiplicationOutput struct {
	ETag              string `header:"ETag"`
	PreferenceApplied string `header:"Preference-Applied"`
	Vary              string `header:"Vary"`
	Body              resource.Multiplication
}

// getMultiplication handles GET /v1/multiplications/{id}.
func (a *API) getMultiplication(ctx context.Context, in *multiplicationInput) (*multiplicationOutput, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &multiplicationOutput{Vary: "Prefer"}
	var v view
	if in.asked {
		out.PreferenceApplied = in.applied()
		v, err = a.wait(ctx, id, in.Waiting)
	} else {
		v, err = a.present(ctx, id)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out.Body = v.body
	out.ETag = v.etag
	return out, in.Compare(v.etag)
}

type tilesOutput struct {
	Body resource.TileGrid
}

// getTiles handles GET /v1/multiplications/{id}/tiles.
func (a *API) getTiles(ctx context.Context, in *IDParam) (*tilesOutput, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	grid, err := a.grids.Get(ctx, owned(ctx, id))
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &tilesOutput{Body: grid}, nil
}

type deleteInput struct {
	IDParam
	guard.Matching
}

type cancelInput struct {
	IDParam
	IdempotencyParam
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

type changedOutput struct {
	Status            int
	PreferenceApplied string `header:"Preference-Applied"`
	Replayed
	Body rendered[resource.Multiplication]
}

// cancelMultiplication handles POST /v1/multiplications/{id}/cancel.
func (a *API) cancelMultiplication(ctx context.Context, in *cancelInput) (*changedOutput, error) {
	return a.change(ctx, in.IDParam, in.IdempotencyParam, a.jobs.CancelTx)
}

// retryMultiplication handles POST /v1/multiplications/{id}/retry.
func (a *API) retryMultiplication(ctx context.Context, in *retryInput) (*changedOutput, error) {
	out, err := a.change(ctx, in.IDParam, in.IdempotencyParam, a.jobs.RetryTx)
	if err != nil || !in.asked {
		return out, err
	}
	id, _ := in.parseID("multiplication") // change has checked it
	if v, e := a.wait(ctx, id, in.Waiting); e == nil {
		out.Body = render(v.body)
		out.PreferenceApplied = in.applied()
	}
	return out, err
}

// change changes a multiplication, and saves the response with its new state, in one transaction. The body of the
// request is ignored.
func (a *API) change(
	ctx context.Context, in IDParam, p IdempotencyParam,
	changeTx func(context.Context, *store.TenantTx, uuid.UUID) error,
) (*changedOutput, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	r, err := p.request()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if first, err := a.replay(ctx, r); first != nil || err != nil {
		return a.changed(ctx, first, err)
	}
	var resp *response
	err = a.own(ctx).InTx(ctx, func(tx *store.TenantTx) error {
		if err := changeTx(ctx, tx, id); err != nil {
			return err
		}
		m, err := a.jobs.GetTx(ctx, tx, id)
		if err != nil {
			return err
		}
		resp, err = newResponse(http.StatusOK, multiplicationPath(id), a.multiplicationBody(ctx, m))
		if err != nil {
			return err
		}
		return saveTx(ctx, tx, r, resp)
	})
	if err != nil {
		resp, err = a.recover(ctx, r, err)
	}
	return a.changed(ctx, resp, err)
}

// changed returns the response to a change as it is sent.
func (a *API) changed(ctx context.Context, resp *response, err error) (*changedOutput, error) {
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &changedOutput{
		Status:   resp.status,
		Replayed: resp.header(),
		Body:     rendered[resource.Multiplication]{text: resp.body},
	}, nil
}

// deleteMultiplication handles DELETE /v1/multiplications/{id}.
func (a *API) deleteMultiplication(ctx context.Context, in *deleteInput) (*struct{}, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if in.IfMatch != "" {
		v, err := a.present(ctx, id)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		if err := in.Require(v.etag); err != nil {
			return nil, err
		}
	}
	err = a.own(ctx).InTx(ctx, func(tx *store.TenantTx) error { return a.jobs.DeleteTx(ctx, tx, id) })
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

package handlers

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/catalog"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/handlers/uploads"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/retention"
)

type matrixInput struct {
	IDParam
	guard.Conditional
}

type matrixOutput struct {
	ETag string `header:"ETag"`
	Body resource.Matrix
}

type createdOutput struct {
	Status   int
	Location string `header:"Location"`
	Replayed
	uploads.State
	Body rendered[resource.Matrix]
}

type matrixUpload struct {
	StreamedBody
	uploads.Params
	Retention int64 `query:"retention_seconds" minimum:"60" doc:"How long the matrix is kept after its last use. As long as the server keeps others if it is left out; the server bounds it" example:"86400"`
}

// Resolve implements huma.Resolver.
func (in *matrixUpload) Resolve(ctx huma.Context) []error {
	return append(in.StreamedBody.Resolve(ctx), in.Params.Resolve(ctx)...)
}

// createMatrix handles POST /v1/matrices.
func (a *API) createMatrix(ctx context.Context, in *matrixUpload) (*createdOutput, error) {
	keep := time.Duration(min(in.Retention, math.MaxInt64/int64(time.Second))) * time.Second
	if err := a.jobs.CheckRetention(keep); err != nil {
		return nil, a.fail(ctx, err)
	}
	if in.Partial() {
		return a.beginUpload(ctx, in, keep)
	}
	r, err := in.request(resource.MediaNPY, resource.MediaJSON)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	release, err := r.body.Reserve(ctx, a.store)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	defer release()
	if first, err := a.replay(ctx, r); first != nil || err != nil {
		return a.created(ctx, first, err)
	}
	if err := a.jobs.Quotas().CheckStored(ctx, identity.From(ctx).Tenant, r.body.LeastBytes()); err != nil {
		return nil, a.fail(ctx, err)
	}
	intake := a.newIntake(ctx)
	defer a.discard(ctx, intake)
	operand, err := payload.ReadMatrix(ctx, r.body, intake)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	resp, err := a.storeMatrix(ctx, r, operand, intake, keep)
	return a.created(ctx, resp, err)
}

// beginUpload begins an upload that goes on in later requests. Its idempotency key is about that, not about the file.
func (a *API) beginUpload(ctx context.Context, in *matrixUpload, keep time.Duration) (*createdOutput, error) {
	u := a.uploads()
	order, err := u.Order(ctx, &in.Params, keep)
	if err != nil {
		return nil, err
	}
	r, err := in.IdempotencyParam.request()
	if err != nil {
		return nil, err
	}
	r.path += order.Fingerprint()
	resp, err := a.replay(ctx, r)
	if err == nil && resp == nil {
		err = a.own(ctx).InTx(ctx, func(tx *store.TenantTx) error {
			path, body, err := u.BeginTx(ctx, tx, order)
			if err == nil {
				resp, err = newResponse(http.StatusAccepted, path, body)
			}
			if err != nil {
				return err
			}
			return saveTx(ctx, tx, r, resp)
		})
		if err != nil {
			resp, err = a.recover(ctx, r, err)
		}
	}
	out, err := a.created(ctx, resp, err)
	if err == nil {
		out.State, err = u.First(ctx, order, out.Location, resp.replayed)
	}
	return out, err
}

// storeMatrix writes the row of a matrix, with a retention of its own if that is not 0, and saves the response in one
// transaction.
func (a *API) storeMatrix(
	ctx context.Context, r request, operand jobs.Operand, intake *payload.Intake, keep time.Duration,
) (resp *response, err error) {
	err = a.own(ctx).InTx(ctx, func(tx *store.TenantTx) error {
		m, err := operand.WriteTx(ctx, tx)
		if err == nil {
			err = a.jobs.Quotas().CheckTx(ctx, tx)
		}
		if err == nil && keep > 0 {
			m.ExpiresAt = m.CreatedAt.Add(keep)
			err = retention.SetTx(ctx, tx, uuid.Nil, []uuid.UUID{m.ID}, keep)
		}
		if err != nil {
			return err
		}
		resp, err = newResponse(http.StatusCreated, apidoc.MatricesPath+"/"+m.ID.String(), catalog.Body(m))
		if err != nil {
			return err
		}
		return saveTx(ctx, tx, r, resp)
	})
	if err != nil {
		return a.recover(ctx, r, err)
	}
	a.keep(ctx, intake)
	return resp, nil
}

// created returns the response to the creation of a matrix as it is sent.
func (a *API) created(ctx context.Context, resp *response, err error) (*createdOutput, error) {
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &createdOutput{
		Status:   resp.status,
		Location: resp.location,
		Replayed: resp.header(),
		Body:     rendered[resource.Matrix]{text: resp.body},
	}, nil
}

// getMatrix handles GET /v1/matrices/{id}.
func (a *API) getMatrix(ctx context.Context, in *matrixInput) (*matrixOutput, error) {
	id, err := in.parseID("matrix")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	m, err := a.own(ctx).Matrix(ctx, id)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &matrixOutput{Body: catalog.Body(m)}
	if out.ETag, err = guard.EntityTag(out.Body); err == nil {
		err = in.Compare(out.ETag)
	}
	return out, err
}

// deleteMatrix handles DELETE /v1/matrices/{id}.
func (a *API) deleteMatrix(ctx context.Context, in *deleteInput) (*struct{}, error) {
	id, err := in.parseID("matrix")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if in.IfMatch != "" {
		m, err := a.own(ctx).Matrix(ctx, id)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		tag, err := guard.EntityTag(catalog.Body(m))
		if err == nil {
			err = in.Require(tag)
		}
		if err != nil {
			return nil, err
		}
	}
	err = a.own(ctx).InTx(ctx, func(tx *store.TenantTx) error { return a.jobs.DeleteMatrixTx(ctx, tx, id) })
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

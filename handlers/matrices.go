package handlers

import (
	"context"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

type matrixInput struct {
	IDParam
	Conditional
}

type matrixOutput struct {
	ETag string `header:"ETag"`
	Body resource.Matrix
}

type createdOutput struct {
	Status   int
	Location string `header:"Location"`
	Replayed
	Body rendered[resource.Matrix]
}

// createMatrix answers POST /v1/matrices.
func (a *API) createMatrix(ctx context.Context, in *StreamedBody) (*createdOutput, error) {
	r, err := in.request(mediaNPY, mediaJSON)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	intake := payload.NewIntake(a.store, a.limits.MaxMatrixBytes)
	var operand jobs.Operand
	answer, err := a.once(ctx, r, func() (err error) {
		operand, err = payload.ReadMatrix(ctx, r.body, intake)
		return err
	}, func(keep keepTx) error {
		return a.store.InTx(ctx, func(_ pgx.Tx, q *store.Queries) error {
			m, err := operand.WriteTx(ctx, q, a.store.Retention)
			if err != nil {
				return err
			}
			answer, err := newReply(http.StatusCreated, apidoc.MatricesPath+"/"+m.ID.String(), newMatrixBody(m))
			if err != nil {
				return err
			}
			return keep(ctx, q, answer)
		})
	})
	a.finish(ctx, intake, err == nil && !answer.replayed)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &createdOutput{
		Status: answer.status, Location: answer.location, Replayed: answer.header(), Body: rendered[resource.Matrix]{text: answer.body},
	}, nil
}

// getMatrix answers GET /v1/matrices/{id}.
func (a *API) getMatrix(ctx context.Context, in *matrixInput) (*matrixOutput, error) {
	id, err := in.parseID("matrix")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	m, err := a.store.Matrix(ctx, id)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &matrixOutput{Body: newMatrixBody(m)}
	out.ETag, err = in.check(out.Body)
	return out, err
}

// deleteMatrix answers DELETE /v1/matrices/{id}.
func (a *API) deleteMatrix(ctx context.Context, in *IDParam) (*struct{}, error) {
	id, err := in.parseID("matrix")
	if err == nil {
		err = a.store.DeleteUnusedMatrix(ctx, id)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

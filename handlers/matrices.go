package handlers

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/handlers/apidoc"
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
	o := &operands{ctx: ctx, store: a.store, limit: a.limits.MaxMatrixBytes}
	var operand jobs.Operand
	answer, err := a.once(ctx, r, func() (err error) {
		operand, err = readMatrix(in, r.body, o)
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
	o.end(err == nil && !answer.replayed, a.log)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &createdOutput{
		Status: answer.status, Location: answer.location, Replayed: answer.header(), Body: rendered[resource.Matrix]{text: answer.body},
	}, nil
}

// readMatrix reads the body of POST /v1/matrices: a .npy file, or an operand in JSON, or only its rows.
func readMatrix(in *StreamedBody, r *received, o *operands) (jobs.Operand, error) {
	if r.kind != mediaJSON {
		return o.readNPY(r, contentLength(in))
	}
	j := newJSONReader(r, o)
	read := j.operand
	if j.PeekKind() == '[' {
		read = j.values
	}
	operand, err := read("the body")
	if err == nil {
		err = j.eof()
	}
	if err == nil && operand.Stored {
		err = fmt.Errorf("%w: matrix_id names a matrix that is stored already", errInvalid)
	}
	return operand, err
}

// contentLength returns the size that the client says its body has, -1 when it does not.
func contentLength(in *StreamedBody) int64 {
	n, err := strconv.ParseInt(in.header.Get("Content-Length"), 10, 64)
	if err != nil {
		return -1
	}
	return n
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

package handlers

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// Matrix is a stored matrix as every route shows it.
type Matrix struct {
	ID        string             `json:"id" format:"uuid" maxLength:"36"`
	Rows      int64              `json:"rows"`
	Cols      int64              `json:"cols"`
	DType     matrix.DType       `json:"dtype" enum:"float64,float32"`
	State     store.MatrixState  `json:"state" enum:"uploading,ready"`
	Source    store.MatrixSource `json:"source" enum:"upload,inline,random,product"`
	Bytes     int64              `json:"bytes" doc:"Size of the elements"`
	Digest    string             `json:"digest,omitempty" pattern:"^sha-256:[0-9a-f]{64}$" maxLength:"72" doc:"SHA-256 of the content as .npy, row-major and little-endian, as np.save writes it"`
	CreatedAt time.Time          `json:"created_at"`
	ExpiresAt time.Time          `json:"expires_at" doc:"When the matrix will be removed, unless a multiplication still needs it"`
}

const (
	matricesPath = "/v1/matrices"
	matrixRoute  = matricesPath + "/{id}"
	matricesTag  = "matrices"
)

func newMatrixBody(m store.Matrix) Matrix {
	body := Matrix{
		ID: m.ID.String(), Rows: m.Rows, Cols: m.Cols, DType: m.DType, State: m.State, Source: m.Source,
		Bytes: m.Shape().Bytes(), CreatedAt: m.CreatedAt.UTC(), ExpiresAt: m.ExpiresAt.UTC(),
	}
	if m.Digest != nil {
		body.Digest = "sha-256:" + hex.EncodeToString(m.Digest)
	}
	return body
}

type matrixInput struct {
	IDParam
	Conditional
}

type matrixOutput struct {
	ETag string `header:"ETag" doc:"Changes whenever anything in the body does"`
	Body Matrix
}

type createdOutput struct {
	Status   int
	Location string `header:"Location" doc:"Path of the matrix"`
	Replayed
	Body rendered[Matrix]
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
			answer, err := newReply(http.StatusCreated, matricesPath+"/"+m.ID.String(), newMatrixBody(m))
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
		Status: answer.status, Location: answer.location, Replayed: answer.header(), Body: rendered[Matrix]{text: answer.body},
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

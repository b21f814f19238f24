package payload

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
)

// ReadMatrix reads a matrix to be stored, and verifies the body: a .npy file, an operand in JSON that is not stored
// already, or only its rows.
//
// Errors are ErrBadRequest, ErrInvalid, those of package matrix and of the store.
func ReadMatrix(ctx context.Context, body *Body, in *Intake) (jobs.Operand, error) {
	in.expect(body.size)
	o, err := readMatrix(ctx, body, in)
	if err != nil {
		return jobs.Operand{}, jsonError(err)
	}
	return verified(body, *o, nil)
}

func readMatrix(ctx context.Context, body *Body, in *Intake) (*jobs.Operand, error) {
	if body.mediaType == resource.MediaNPY {
		return in.readNPY(ctx, body.reader, body.size)
	}
	j := newJSONReader(body.reader, in)
	o, err := j.matrix(ctx, "the body")
	if err != nil {
		return nil, err
	}
	if err := j.End(); err != nil {
		return nil, err
	}
	if o.Stored {
		return nil, fmt.Errorf("%w: matrix_id names a matrix that is stored already", ErrInvalid)
	}
	return o, nil
}

// matrix reads an operand, or only its rows.
func (j *jsonReader) matrix(ctx context.Context, at string) (*jobs.Operand, error) {
	if j.PeekKind() == '[' {
		return j.values(ctx, at)
	}
	return j.operand(ctx, at)
}

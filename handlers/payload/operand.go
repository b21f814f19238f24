package handlers

import (
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

const operandForms = `"matrix_id", "values" or "random"`

// operand reads one of the three forms of an operand.
func (j *jsonReader) operand(at string) (jobs.Operand, error) {
	var o jobs.Operand
	forms := 0
	err := j.object(at, func(name string) (err error) {
		if forms++; forms > 1 {
			return fmt.Errorf("%w: %s must have exactly one of %s", errInvalid, at, operandForms)
		}
		switch name {
		case "matrix_id":
			o, err = j.reference(at + ".matrix_id")
		case "values":
			o, err = j.values(at + ".values")
		case "random":
			o, err = j.random(at + ".random")
		default:
			err = unknownMember(at, name, operandForms)
		}
		return err
	})
	if err == nil && forms == 0 {
		err = fmt.Errorf("%w: %s must have one of %s", errInvalid, at, operandForms)
	}
	return o, err
}

// reference reads the id of a matrix that is stored already.
func (j *jsonReader) reference(at string) (jobs.Operand, error) {
	text, err := j.text(at)
	if err != nil {
		return jobs.Operand{}, err
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return jobs.Operand{}, fmt.Errorf("%w: %s: there is no matrix %.60q", errInvalid, at, text)
	}
	m, err := j.operands.store.ReadyMatrix(j.operands.ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: %s: there is no matrix %q", errInvalid, at, text)
	}
	return jobs.Operand{Matrix: m, Stored: true}, err
}

// maxRandomBytes bounds a matrix that takes no room: any size will do of which the bytes, those of a .npy file around it
// included, can be counted.
const maxRandomBytes = 1 << 62

// random reads the description of a generated matrix.
func (j *jsonReader) random(at string) (jobs.Operand, error) {
	shape := matrix.Shape{Rows: -1, Cols: -1, DType: matrix.Float64}
	var seed uint64
	err := j.object(at, func(name string) (err error) {
		switch name {
		case "rows":
			shape.Rows, err = j.integer(at+".rows", 0, math.MaxInt64)
		case "cols":
			shape.Cols, err = j.integer(at+".cols", 0, math.MaxInt64)
		case "seed":
			var n int64
			n, err = j.integer(at+".seed", 0, math.MaxInt64)
			seed = uint64(n) //nolint:gosec // not negative
		case "dtype":
			shape.DType, err = j.dtype(at + ".dtype")
		default:
			err = unknownMember(at, name, `"rows", "cols", "seed" and "dtype"`)
		}
		return err
	})
	if err == nil && (shape.Rows < 0 || shape.Cols < 0) {
		err = fmt.Errorf("%w: %s must have \"rows\" and \"cols\"", errInvalid, at)
	}
	if err == nil {
		err = shape.Validate(maxRandomBytes)
	}
	if err != nil {
		return jobs.Operand{}, err
	}
	return jobs.Operand{Matrix: store.NewRandom(shape, seed)}, nil
}

func (j *jsonReader) dtype(at string) (matrix.DType, error) {
	name, err := j.text(at)
	if err != nil {
		return "", err
	}
	dtype, err := matrix.ParseDType(name)
	if err != nil || name == "" { // which means float64 to others
		return "", fmt.Errorf("%w: %s must be %q or %q, it is %.40q", errInvalid, at, matrix.Float64, matrix.Float32, name)
	}
	return dtype, nil
}

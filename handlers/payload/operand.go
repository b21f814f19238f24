package payload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/jsonrows"
	"github.com/millrace/millrace/store"
)

const operandForms = `"matrix_id", "values", "random" or "s3"`

// operand reads an object with one of the four forms of an operand. at names its place in the body, for errors.
func (j *jsonReader) operand(ctx context.Context, at string) (*jobs.Operand, error) {
	if err := j.expect('{', at, `an object such as {"values": [[1, 2], [3, 4]]}`); err != nil {
		return nil, err
	}
	var o *jobs.Operand
	for name, err := range j.members(at) {
		switch {
		case err != nil:
			return nil, err
		case o != nil:
			return nil, fmt.Errorf("%w: %s must have exactly one of %s", ErrInvalid, at, operandForms)
		case name == "matrix_id":
			o, err = j.reference(ctx, at+".matrix_id")
		case name == "values":
			o, err = j.values(ctx, at+".values")
		case name == "random":
			o, err = j.random(at + ".random")
		case name == "s3":
			o, err = j.inBucket(ctx, at+".s3")
		default:
			err = unknownMember(at, name, operandForms)
		}
		if err != nil {
			return nil, err
		}
	}
	if o == nil {
		return nil, fmt.Errorf("%w: %s must have one of %s", ErrInvalid, at, operandForms)
	}
	return o, nil
}

// reference reads the id of a matrix that is stored already.
func (j *jsonReader) reference(ctx context.Context, at string) (*jobs.Operand, error) {
	text, err := j.text(at)
	if err != nil {
		return nil, err
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: there is no matrix %.60q", ErrInvalid, at, text)
	}
	m, err := j.stored(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s: there is no matrix %q", ErrInvalid, at, text)
	}
	return &jobs.Operand{Matrix: m, Stored: true}, err
}

// stored returns the row of a stored matrix. Of those that several orders of a batch name it is read once.
func (j *jsonReader) stored(ctx context.Context, id uuid.UUID) (store.Matrix, error) {
	if j.batch != nil {
		return j.batch.stored(ctx, id)
	}
	return j.intake.own.ReadyMatrix(ctx, id)
}

// values reads an array of rows of numbers.
func (j *jsonReader) values(ctx context.Context, at string) (*jobs.Operand, error) {
	rows, err := j.Rows(at, j.intake.maxBytes)
	if err != nil {
		return nil, err
	}
	if j.batch != nil {
		return j.batch.values(rows, at)
	}
	reserved := func() {} // gives back the memory of long rows
	rows.LongRows(store.LongRow, func() error {
		release, err := j.intake.own.Store().ReserveLongRow(ctx, jsonrows.MaxCols)
		if err == nil {
			reserved = release
		}
		return err
	})
	defer func() { reserved() }()
	var u *store.Upload
	for {
		row, err := rows.Read()
		if err == io.EOF { //nolint:errorlint // a RowReader's EOF is never wrapped
			break
		}
		if err != nil {
			return nil, err
		}
		if len(row) == 0 {
			continue
		}
		if u == nil {
			shape := rows.Shape()
			shape.Rows = matrix.UnknownRows
			u = j.intake.begin(ctx, shape, false, store.FromInline)
			if shape.Cols > store.LongRow {
				u.Reserved(reserved)
			}
		}
		text := matrix.AsBytes(row)
		if err := j.intake.take(ctx, int64(len(text))); err != nil {
			return nil, err
		}
		if _, err := u.Write(text); err != nil {
			return nil, err
		}
	}
	if u == nil { // there are no numbers
		u = j.intake.begin(ctx, rows.Shape(), false, store.FromInline)
	}
	return j.intake.finish(u)
}

// maxRandomBytes bounds a matrix that takes no room if there is no other limit: the bytes of its .npy file can be
// counted.
const maxRandomBytes = 1 << 62

// random reads the description of a random matrix.
func (j *jsonReader) random(at string) (*jobs.Operand, error) {
	shape := matrix.Shape{
		Rows:  -1,
		Cols:  -1,
		DType: matrix.Float64,
	}
	var seed int64
	for name, err := range j.members(at) {
		if err != nil {
			return nil, err
		}
		switch name {
		case "rows":
			shape.Rows, err = j.integer(at+".rows", 0, math.MaxInt64)
		case "cols":
			shape.Cols, err = j.integer(at+".cols", 0, math.MaxInt64)
		case "seed":
			seed, err = j.integer(at+".seed", 0, math.MaxInt64)
		case "dtype":
			shape.DType, err = j.dtype(at + ".dtype")
		default:
			err = unknownMember(at, name, `"rows", "cols", "seed" and "dtype"`)
		}
		if err != nil {
			return nil, err
		}
	}
	if shape.Rows < 0 || shape.Cols < 0 {
		return nil, fmt.Errorf("%w: %s must have \"rows\" and \"cols\"", ErrInvalid, at)
	}
	maxBytes := j.intake.maxBytes // the limit is one for all matrices: a random one is read, too
	if maxBytes <= 0 {
		maxBytes = maxRandomBytes
	}
	if err := shape.Validate(maxBytes); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return &jobs.Operand{Matrix: store.NewRandom(shape, uint64(seed))}, nil //nolint:gosec // not negative
}

package payload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/jsonrows"
	"github.com/millrace/millrace/store"
)

// Orders reads the orders of a batch one by one: the elements of a JSON array, or the lines of NDJSON. Each has the
// form that ReadOrder reads, but the numbers of an operand take no more than store.MaxInline: they are part of the
// operand, not of an upload.
type Orders struct {
	body     *Body
	elements *elements
	json     *jsonReader
	own      store.Tenant
	read     int
	operand  []byte // of which the numbers are read
	matrices map[uuid.UUID]store.Matrix
}

const (
	// orderBytes is what an order takes until it is accepted, and its response until it is sent, apart from operands.
	orderBytes = 1 << 10
	// minOrderText is the length of the shortest order.
	minOrderText = 40
	// MaxOperands bounds the operands that the orders of a batch bring, in bytes.
	MaxOperands = 16 << 20
	// orderBuffers is what it takes to read orders, whatever their number.
	orderBuffers = 256 << 10
	// perOrderByte is how many bytes a byte of JSON becomes: a digit and a comma are a float64.
	perOrderByte = 4
)

// ReserveOrders waits for the memory that it takes to read the body as orders and to keep them, and returns how many
// there may be, and the function that gives the memory back. It must be called before the body is read, and takes the
// place of Reserve.
func (b *Body) ReserveOrders(ctx context.Context, s *store.Store) (most int, release func(), err error) {
	if 0 <= b.size && b.size <= tinyBody {
		b.source.readAhead()
	}
	size := b.size
	if size < 0 {
		size = math.MaxInt32
	}
	orders := min(resource.MaxOrders, size/minOrderText)
	release, err = s.Reserve(ctx, orderBuffers+orders*orderBytes+min(MaxOperands, perOrderByte*size))
	return int(orders), release, err
}

// NewOrders begins to read a body, whose matrices may have maxBytes each; 0 or less means no limit.
func NewOrders(body *Body, t store.Tenant, maxBytes int64) *Orders {
	o := &Orders{
		body:     body,
		elements: newElements(body.reader, body.mediaType == resource.MediaNDJSON),
		own:      t,
		matrices: map[uuid.UUID]store.Matrix{},
	}
	o.json = newJSONReader(o.elements, NewIntake(t, maxBytes))
	o.json.batch = o
	return o
}

// OrderError is what is wrong with one order. The others can be read.
type OrderError struct{ Err error }

func (e OrderError) Error() string { return e.Err.Error() }

// Unwrap returns the error that a request for that order alone would have.
func (e OrderError) Unwrap() error { return e.Err }

// Next reads the next order. After the last one it returns io.EOF, if the body is what its headers claim. An
// OrderError is that of one order; others are those of the whole body: besides the errors of ReadOrder, ErrTooLarge
// for more orders than a batch may have.
func (o *Orders) Next(ctx context.Context) (jobs.Submission, error) {
	more, err := o.elements.next()
	switch {
	case err != nil:
		return jobs.Submission{}, o.failBody(err)
	case !more:
		return jobs.Submission{}, cmp.Or(o.body.Verify(), io.EOF)
	case o.read == resource.MaxOrders:
		return jobs.Submission{}, fmt.Errorf("%w: a batch has at most %d orders, send the others in another one",
			ErrTooLarge, resource.MaxOrders)
	}
	o.json.Reset(o.elements)
	s, err := readOrder(ctx, o.json)
	if err != nil {
		err = o.fail(err)
	}
	o.read++
	return s, err
}

// failBody returns the error of the whole body for one that is not that of an order.
func (o *Orders) failBody(err error) error {
	switch {
	case o.body.source.err != nil:
		return o.body.source.err
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrBadRequest): // it is no array
		return err
	}
	return fmt.Errorf("%w: [%d]: %w", ErrBadRequest, o.elements.index, err)
}

// fail returns the error for one that came up within an order. What is wrong with the text of an array is wrong with
// the whole body; the lines of NDJSON are texts of their own.
func (o *Orders) fail(err error) error {
	var array arrayError
	var syntax jsonrows.SyntaxError
	switch {
	case o.body.source.err != nil, errors.As(err, &array), errors.As(err, &syntax) && !o.elements.lines:
		return o.failBody(err)
	}
	err = jsonError(err)
	if slices.ContainsFunc(ofOrders, func(known error) bool { return errors.Is(err, known) }) {
		return OrderError{err}
	}
	return err
}

// ofOrders are the errors of an order; others are not its fault.
var ofOrders = []error{
	ErrBadRequest,
	ErrInvalid,
	matrix.ErrMalformed,
	matrix.ErrUnsupported,
	matrix.ErrShape,
	matrix.ErrTooLarge,
	store.ErrNotReady,
}

// TooManyBytes returns the error for operands that have more than MaxOperands.
func TooManyBytes() error {
	return fmt.Errorf("%w: the operands of a batch may have %d bytes together, send fewer orders at once",
		ErrTooLarge, MaxOperands)
}

// stored returns the row of a stored matrix without its content.
func (o *Orders) stored(ctx context.Context, id uuid.UUID) (store.Matrix, error) {
	if m, ok := o.matrices[id]; ok {
		return m, nil
	}
	m, err := o.own.ReadyMatrix(ctx, id)
	m.Content = nil
	if err == nil {
		if len(o.matrices) == maxMatrices {
			clear(o.matrices)
		}
		o.matrices[id] = m
	}
	return m, err
}

// maxMatrices is how many rows of stored matrices are kept.
const maxMatrices = 500

// values reads the rest of an array of rows of numbers. The matrix has neither id nor digest.
func (o *Orders) values(rows *jsonrows.RowReader, at string) (*jobs.Operand, error) {
	tooLarge := func() error {
		return fmt.Errorf("%w: %s has more than %d bytes; in a batch, upload such a matrix and send its matrix_id",
			matrix.ErrTooLarge, at, store.MaxInline)
	}
	rows.LongRows(store.MaxInline/matrix.Float64.Size(), tooLarge)
	o.operand = o.operand[:0]
	for {
		row, err := rows.Read()
		if err == io.EOF { //nolint:errorlint // a RowReader's EOF is never wrapped
			break
		}
		if err != nil {
			return nil, err
		}
		if len(o.operand)+len(row)*matrix.Float64.Size() > store.MaxInline {
			return nil, tooLarge()
		}
		o.operand = append(o.operand, matrix.AsBytes(row)...)
	}
	shape := rows.Shape()
	return &jobs.Operand{Matrix: store.Matrix{
		Rows:    shape.Rows,
		Cols:    shape.Cols,
		DType:   shape.DType,
		Source:  store.FromInline,
		State:   store.Ready,
		Content: slices.Clone(o.operand),
	}}, nil
}

package payload

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
)

// Intake stores the matrices of one request. It ends by Keep, after the commit of the transaction that makes use of
// them, or by Discard. An Intake belongs to one goroutine.
type Intake struct {
	own      store.Tenant // whose the matrices will be
	maxBytes int64
	buffer   int // see expect
	uploads  []*store.Upload

	room  func(ctx context.Context, bytes int64) error // nil: there is
	bytes int64                                        // of the matrices, as far as is known
	asked int64                                        // bytes for which room was asked
}

// NewIntake returns an Intake of a tenant's matrices of at most maxBytes each; 0 or less means no limit.
func NewIntake(t store.Tenant, maxBytes int64) *Intake {
	return &Intake{
		own:      t,
		maxBytes: maxBytes,
		buffer:   copyBuffer,
	}
}

// Keep ends an Intake whose matrices are in use. It deletes blocks that are not needed, since there are others with
// the same content. What it cannot delete is swept later.
func (in *Intake) Keep() error {
	var errs []error
	for _, u := range in.uploads {
		errs = append(errs, u.DropCopy())
	}
	in.uploads = nil
	return errors.Join(errs...)
}

// Discard ends an Intake whose matrices are not in use, and deletes them; after Keep it does nothing. What it cannot
// delete is swept later.
func (in *Intake) Discard() error {
	var errs []error
	for _, u := range in.uploads {
		errs = append(errs, u.Abort())
	}
	return errors.Join(errs...)
}

// Bound makes an Intake ask whether there is room for its matrices, as soon as it is known that they have so many bytes
// at least. What has no room is not received.
func (in *Intake) Bound(room func(ctx context.Context, bytes int64) error) { in.room = room }

// roomStep is how many bytes more than those that have room are received before it is asked again, at least: asking
// costs a statement.
const roomStep = 64 << 10

// take asks for room for more bytes, if that is worth it.
func (in *Intake) take(ctx context.Context, bytes int64) error {
	in.bytes += bytes
	if in.room == nil || in.bytes < in.asked+max(roomStep, in.asked/4) {
		return nil
	}
	in.asked = in.bytes
	return in.room(ctx, in.bytes)
}

// begin begins to store a matrix, whose elements come in Fortran order if fortran is set.
func (in *Intake) begin(ctx context.Context, shape matrix.Shape, fortran bool, from store.MatrixSource) *store.Upload {
	u := in.own.NewUpload(ctx, shape, fortran, from)
	in.uploads = append(in.uploads, u)
	return u
}

// finish returns the operand that an upload has brought.
func (in *Intake) finish(u *store.Upload) (*jobs.Operand, error) {
	m, err := u.Close()
	if err != nil {
		return nil, err
	}
	return &jobs.Operand{Matrix: m, Upload: u}, nil
}

// copyBuffer is the size of the pieces in which a .npy file is stored, in bytes: whole cache lines of elements, and
// less than the second level of a processor's cache.
const copyBuffer = 256 << 10

// expect makes the buffers no larger than a body of size bytes needs; a negative size is unknown.
func (in *Intake) expect(size int64) {
	if 0 <= size && size < copyBuffer {
		in.buffer = int(size) + 1
	}
}

// readNPY stores a .npy file of size bytes; a negative size is unknown.
func (in *Intake) readNPY(ctx context.Context, r io.Reader, size int64) (*jobs.Operand, error) {
	file, err := npy.NewReader(bufio.NewReaderSize(r, in.buffer), in.maxBytes)
	if err != nil {
		return nil, err
	}
	header := file.Header()
	if want := header.FileBytes(); size >= 0 && size != want {
		return nil, fmt.Errorf("%w: a .npy file of %s has %d bytes, the body has %d",
			matrix.ErrMalformed, header.Shape, want, size)
	}
	if err := in.take(ctx, header.Shape.Bytes()); err != nil {
		return nil, err
	}
	u := in.begin(ctx, header.Shape, header.Fortran, store.FromUpload)
	if _, err := io.CopyBuffer(onlyWriter{u}, file, make([]byte, in.buffer)); err != nil {
		return nil, err
	}
	return in.finish(u)
}

// onlyWriter hides every method but Write, so that io.CopyBuffer uses the buffer that it is given.
type onlyWriter struct{ io.Writer }

package uploads

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/uploads"
)

const (
	// saveStep is how much is received, at least, from one place to the next that is saved, and until that is saved: what
	// comes before it must be in the block store, and what follows comes and is stored meanwhile.
	saveStep = 16 << 20
	// buffer is the size of the pieces in which a file is stored, in bytes.
	buffer = 256 << 10
	// saveTimeout bounds how long a place is saved when the client is gone.
	saveTimeout = 20 * time.Second
)

// errPaused means that a part of a file has ended that is not the last one.
var errPaused = errors.New("the part of the file has ended")

// transfer is the reception of one part of a file.
type transfer struct {
	uploads  *Uploads
	response http.ResponseWriter
	hold     *uploads.Hold
	part     part

	whole   *payload.Whole
	head    *bytes.Buffer // that the head of the file is copied to; nil behind it
	header  npy.Header
	upload  *store.Upload
	written int64 // bytes of the content

	reached place // the last one
	due     place // the one that is saved next, if it is behind the one that is saved
}

// place is one from which the upload can go on.
type place struct {
	offset   int64
	progress uploads.Progress
}

// Read implements io.Reader for the file: it returns errPaused where the part ends.
func (t *transfer) Read(p []byte) (int, error) {
	if ctx := t.hold.Wanted(); ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	n, err := t.part.body.Reader().Read(p)
	_, _ = t.whole.Write(p[:n])
	if t.head != nil {
		t.head.Write(p[:n])
	}
	if err == io.EOF && !t.part.last {
		err = errPaused
	}
	return n, err
}

// run receives the part. It returns the matrix when the file is complete. What has come is kept, unless no matrix can
// become of the file.
func (t *transfer) run(ctx context.Context) (*store.Matrix, error) {
	began, first := t.hold.Offset, t.hold.Progress
	err := t.receive(ctx)
	switch {
	case err == nil:
	case hopeless(err):
		return nil, t.giveUp(ctx, err)
	case t.upload != nil:
		if e := t.suspend(ctx); e != nil {
			err = e
		}
	}
	if err == nil || errors.Is(err, errPaused) {
		if e := t.part.body.Verify(); e != nil {
			_ = t.back(ctx, began, first) // the file's own digest tells, or its matrix's
			return nil, e
		}
	}
	if errors.Is(err, errPaused) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t.finish(ctx)
}

// hopeless reports whether an error says that a file is no matrix.
func hopeless(err error) bool {
	return errors.Is(err, matrix.ErrMalformed) || errors.Is(err, matrix.ErrUnsupported) ||
		errors.Is(err, matrix.ErrShape) || errors.Is(err, matrix.ErrTooLarge)
}

// receive reads and stores the part, until nothing more is wanted.
func (t *transfer) receive(ctx context.Context) error {
	defer unblock(t.hold.Wanted(), t.response)()
	file, err := t.open(ctx)
	if err != nil {
		return err
	}
	return t.write(file)
}

// open reads the head of the file, if that has not come before, and goes on with the upload.
func (t *transfer) open(ctx context.Context) (file *npy.Reader, err error) {
	t.reached = place{t.hold.Offset, t.hold.Progress}
	if t.whole, err = payload.ParseWhole(t.hold.Digests); err != nil {
		return nil, err
	}
	var src io.Reader = t
	if fresh := t.hold.Offset == 0; fresh {
		t.head = &bytes.Buffer{}
	} else {
		if err := t.whole.Restore(t.hold.Progress.Hashes); err != nil {
			return nil, err
		}
		src = io.MultiReader(bytes.NewReader(t.hold.Progress.Head), t)
	}
	if file, err = npy.NewReader(src, t.uploads.maxBytes); err != nil {
		return nil, err
	}
	t.header = file.Header()
	shape := t.header.Shape
	if t.head != nil {
		t.reached.progress = uploads.Progress{Head: t.head.Bytes()}
		t.head = nil
		if want := t.header.FileBytes(); want != t.hold.Length {
			return nil, fmt.Errorf("%w: a .npy file of %s has %d bytes, the upload has %d", matrix.ErrMalformed, shape, want,
				t.hold.Length)
		}
		err = t.uploads.jobs.Quotas().CheckStored(ctx, identity.From(ctx).Tenant, shape.Bytes())
		if err != nil {
			return nil, err
		}
	}
	mark := t.reached.progress.Mark
	t.written = mark.Bytes
	file.Skip(t.elements())
	t.upload, err = t.uploads.own(ctx).ContinueUpload(
		t.hold.Context(), t.hold.ID, shape, t.header.Fortran, mark, uploads.Life)
	return file, err
}

// elements returns how many elements were written.
func (t *transfer) elements() int64 { return t.written / int64(t.header.Shape.DType.Size()) }

// write writes the elements into blocks, and saves how far it has come from time to time.
func (t *transfer) write(file *npy.Reader) error {
	pieces := make([]byte, buffer)
	for n := t.upload.Next(); n > 0; n = t.upload.Next() {
		written, err := io.CopyBuffer(struct{ io.Writer }{t.upload}, io.LimitReader(file, n), pieces)
		t.written += written
		if err != nil {
			return err
		}
		if err := t.reach(); err != nil {
			return err
		}
		last := t.reached.offset == t.hold.Length // is saved below
		if last || t.reached.offset-max(t.due.offset, t.hold.Offset) < saveStep {
			continue
		}
		if err := t.save(t.hold.Context(), t.due); err != nil {
			return err
		}
		t.due = t.reached
	}
	if err := t.save(t.hold.Context(), t.reached); err != nil {
		return err
	}
	if n, err := file.Read(pieces[:1]); n > 0 || !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// reach notes a place from which the upload can go on.
func (t *transfer) reach() error {
	mark, err := t.upload.Mark(t.written)
	if err != nil {
		return err
	}
	states, err := t.whole.States()
	t.reached.progress.Mark = mark
	t.reached.progress.Hashes = states
	t.reached.offset = t.header.Offset(t.elements())
	return err
}

// save saves a place, when all blocks before it are in the block store, unless it is not behind the one that is saved.
func (t *transfer) save(ctx context.Context, p place) error {
	if p.offset <= t.hold.Offset {
		return nil
	}
	if err := t.upload.Flush(p.progress.Mark); err != nil {
		return err
	}
	return t.hold.Save(ctx, p.offset, p.progress)
}

// suspend keeps what has come for the next part.
func (t *transfer) suspend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	defer t.upload.Suspend()
	return t.save(ctx, t.reached)
}

// back makes the upload go on where it did before a part that is not what its digest says.
func (t *transfer) back(ctx context.Context, offset int64, progress uploads.Progress) error {
	if t.upload != nil {
		t.upload.Suspend()
	}
	if offset == t.hold.Offset {
		return nil
	}
	return t.hold.Save(ctx, offset, progress)
}

// giveUp deletes the upload of a file of which no matrix can become, and returns why. What it leaves is swept.
func (t *transfer) giveUp(ctx context.Context, err error) error {
	if t.upload != nil {
		_ = t.upload.Abort()
	}
	_ = uploads.Cancel(ctx, t.uploads.own(ctx), t.hold.ID)
	return err
}

// finish ends the upload of a file that is complete.
func (t *transfer) finish(ctx context.Context) (*store.Matrix, error) {
	if err := t.whole.Verify(); err != nil {
		return nil, t.giveUp(ctx, err)
	}
	defer t.upload.Suspend()
	if _, err := t.upload.Close(); err != nil {
		return nil, err
	}
	m, err := t.uploads.complete(ctx, t.hold, t.upload)
	if err != nil {
		return nil, err
	}
	t.hold.Offset = t.hold.Length
	_ = t.upload.DropCopy() // what it leaves is swept
	return &m, nil
}

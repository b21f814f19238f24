package download

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/jsonrows"
	"github.com/millrace/millrace/matrix/npy"
)

const (
	// maxRendered is the largest content, in bytes, that is rendered before it is sent: it has a length, a digest and
	// ranges. A larger one is rendered while it is sent.
	maxRendered = 256 << 10
	// maxPerByte is how many bytes of JSON a byte of content becomes at most, with some to spare: float32 in short rows.
	maxPerByte = 7
	// windowBytes is how much of a content is read at once. It is less than that of a .npy file, since rendering takes
	// longer than reading.
	windowBytes = 4 << 20
	// maxChecked is how much of a content, in bytes, is looked through before the response begins. An element beyond that
	// JSON cannot represent breaks the transfer.
	maxChecked = 1 << 30
)

// JSON is a matrix as {"rows", "cols", "values"}.
type JSON struct {
	src    matrix.Source
	align  int64 // see npy.NewFile
	finite bool  // nothing has to be looked through
}

// NewJSON returns a matrix as JSON. align is that of npy.NewFile; finite says that its elements are known to be finite.
func NewJSON(src matrix.Source, align int64, finite bool) JSON {
	return JSON{
		src:    src,
		align:  align,
		finite: finite,
	}
}

// Small reports whether Render is to be used, else Check and Write.
func (j JSON) Small() bool {
	s := j.src.Shape()
	return s.Bytes() <= maxRendered && s.Rows <= maxRendered
}

// Memory returns how many bytes it takes to read and to send the text.
func (j JSON) Memory() int64 {
	if bytes := j.src.Shape().Bytes(); bytes <= maxRendered {
		return (1 + maxPerByte) * bytes
	}
	return 2 * windowBytes
}

// Render returns the text. Errors: those of the source; ErrNotAccepted for an element that JSON cannot represent.
func (j JSON) Render(ctx context.Context) ([]byte, error) {
	shape := j.src.Shape()
	content := make([]byte, shape.Bytes())
	if err := j.src.ReadRect(ctx, shape.Rect(), content); err != nil {
		return nil, err
	}
	text := bytes.NewBuffer(make([]byte, 0, 3*len(content)))
	err := j.write(text, bytes.NewReader(content))
	return text.Bytes(), err
}

// Check looks through the elements for one that JSON cannot represent, before the response begins. Errors are those of
// Render.
func (j JSON) Check(ctx context.Context) error {
	if j.finite {
		return nil
	}
	shape := j.src.Shape()
	content := j.open(ctx)
	defer func() { _ = content.Close() }()
	buf := make([]byte, 64<<10)
	size := int64(shape.DType.Size())
	for first := int64(0); first < min(shape.Bytes(), maxChecked)/size; first += int64(len(buf)) / size {
		buf = buf[:min(int64(len(buf)), shape.Bytes()-first*size)]
		if _, err := io.ReadFull(content, buf); err != nil {
			return err
		}
		if err := refused(jsonrows.CheckFinite(shape, first, buf)); err != nil {
			return err
		}
	}
	return nil
}

// Write writes the text while it reads the content. It returns the error that ends the reading; of the writing, a
// WriteError.
func (j JSON) Write(ctx context.Context, w io.Writer) error {
	content := j.open(ctx)
	defer func() { _ = content.Close() }()
	return j.write(errorWriter{w}, content)
}

// open returns a reader of the elements.
func (j JSON) open(ctx context.Context) *npy.File {
	return npy.NewContent(ctx, j.src, j.align, windowBytes)
}

func (j JSON) write(w io.Writer, content io.Reader) error {
	shape := j.src.Shape()
	if _, err := fmt.Fprintf(w, `{"rows": %d, "cols": %d, "values": `, shape.Rows, shape.Cols); err != nil {
		return err
	}
	if err := jsonrows.Copy(w, shape, content); err != nil {
		return refused(err)
	}
	_, err := io.WriteString(w, "}\n")
	return err
}

// refused makes ErrNotAccepted of an element that JSON cannot represent.
func refused(err error) error {
	if errors.Is(err, jsonrows.ErrNotFinite) {
		return fmt.Errorf("%w: %w, ask for %s", ErrNotAccepted, err, resource.MediaNPY)
	}
	return err
}

// WriteError is the error for a client that does not receive.
type WriteError struct{ error }

// Unwrap returns the cause.
func (e WriteError) Unwrap() error { return e.error }

// errorWriter tells the errors of its writer from others.
type errorWriter struct{ io.Writer }

func (w errorWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = WriteError{err}
	}
	return n, err
}

package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"

	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// stdinName is the name of the operand that stands for the standard input.
const stdinName = "-"

// stream is a .npy file that can be read only once: from the standard input, a pipe or a device. It ends after the
// matrix that its header announces.
type stream struct {
	name   string
	shape  matrix.Shape
	size   int64     // of the .npy file
	left   int64     // bytes that are still to be read
	source io.Reader // what is left, and what may follow it

	// fault is why it is not what its header announces. A request that has failed may still be reading.
	fault atomic.Pointer[error]
}

// openStream reads the header of a stream. It may wait for the program at the other end of a pipe.
func openStream(ctx context.Context, name string, file *os.File) (*stream, error) {
	return interruptible(ctx, func() (*stream, error) {
		var read bytes.Buffer // the header, and what was read ahead
		reader, err := npy.NewReader(bufio.NewReader(io.TeeReader(file, &read)), 0)
		if err != nil {
			return nil, usage.Errorf("%s: %w", name, err)
		}
		size := reader.Header().FileBytes()
		return &stream{
			name:   name,
			shape:  reader.Header().Shape,
			size:   size,
			left:   size,
			source: io.MultiReader(&read, file),
		}, nil
	})
}

// Read implements io.Reader. With the last byte of the matrix it has seen the end of the stream.
func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.source.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	var fault error
	switch {
	case s.left > 0 && errors.Is(err, io.EOF):
		fault = usage.Errorf("%s is truncated: a .npy file with a matrix of %s has %d bytes, %d are missing",
			s.name, s.shape, s.size, s.left)
	case s.left > 0 && err != nil:
		fault = usage.Errorf("reading %s: %w", s.name, err)
	case s.left == 0 && !s.ends():
		fault = usage.Errorf("%s has more than one array: a .npy file with a matrix of %s has %d bytes",
			s.name, s.shape, s.size)
	}
	if fault != nil {
		s.fault.Store(&fault)
		return 0, fault // without its last byte a matrix is not accepted
	}
	return n, nil
}

// ends reports whether nothing follows.
func (s *stream) ends() bool {
	n, _ := io.ReadFull(s.source, make([]byte, 1))
	return n == 0
}

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/blocks"
)

// DamagedError means that the stored content of a matrix is not what was written. It does not pass.
type DamagedError struct {
	Matrix uuid.UUID
	err    error
}

// Error implements error. The text names no paths: clients see it.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("matrix %s is damaged: %v", e.Matrix, e.err)
}

// Unwrap returns what was found.
func (e *DamagedError) Unwrap() error { return e.err }

// noteTimeout bounds how long a read that has found damage tries to write that down.
const noteTimeout = 5 * time.Second

// noteDamage returns the error of a read of a matrix. If it is damage, the matrix whose blocks they are is marked, so
// that its content is not shared with uploads any more: an upload of the same content heals it.
func (s *Store) noteDamage(m Matrix, err error) error {
	if !errors.Is(err, blocks.ErrDamaged) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteTimeout)
	defer cancel()
	if e := s.db.MarkDamaged(ctx, m.BlockOwner()); e != nil {
		err = fmt.Errorf("%w (and the database could not be told)", err)
	}
	return &DamagedError{Matrix: m.ID, err: err}
}

// newRowSource returns the content of a matrix that lives in its row. The first read verifies it.
func newRowSource(m Matrix) matrix.Source {
	s := &rowSource{Memory: matrix.NewMemory(m.Shape(), m.Content)}
	s.verify = sync.OnceValue(func() error { return m.verifyContent() })
	return s
}

// rowSource gives out a content that is in its matrix's row.
type rowSource struct {
	matrix.Memory
	verify func() error
}

// ReadRect implements matrix.Source.
func (s *rowSource) ReadRect(ctx context.Context, r matrix.Rect, dst []byte) error {
	if err := s.verify(); err != nil {
		return err
	}
	return s.Memory.ReadRect(ctx, r, dst)
}

// verifyContent compares a content that lives in its matrix's row with its size and its digest.
func (m Matrix) verifyContent() error {
	var how string
	switch want := m.Shape().Bytes(); {
	case int64(len(m.Content)) != want:
		how = fmt.Sprintf("it has %d of %d bytes", len(m.Content), want)
	case m.Digest != nil && !bytes.Equal(m.Digest, npy.Digest(m.Shape(), m.Content)):
		how = "it differs from its digest"
	default:
		return nil
	}
	return &DamagedError{Matrix: m.ID, err: fmt.Errorf("%w: %s", blocks.ErrDamaged, how)}
}

package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ErrInUse says that something cannot be deleted because something else needs it.
var ErrInUse = errors.New("in use")

// usersShown is how many products an error names that use a matrix.
const usersShown = 5

// Remove deletes a matrix that nothing refers to, and its content unless other matrices share it. ErrNotFound, or ErrInUse
// with the products that it is part of.
//
// The row goes first: blocks without a row are swept, a row without its blocks would be a broken promise. While others share
// the blocks, the row stays, hidden from everybody, and so do the blocks; the sweep deletes it after the last of them.
func (s *Store) Remove(ctx context.Context, id uuid.UUID) error {
	return s.remove(ctx, id, func(Matrix) error { return nil })
}

// DeleteUnusedMatrix is Remove for clients: ErrNotReady while the matrix is being written.
func (s *Store) DeleteUnusedMatrix(ctx context.Context, id uuid.UUID) error {
	return s.remove(ctx, id, func(m Matrix) error {
		if m.State != Ready {
			return fmt.Errorf("matrix %s: %w", id, ErrNotReady)
		}
		return nil
	})
}

func (s *Store) remove(ctx context.Context, id uuid.UUID, check func(Matrix) error) error {
	var gone Matrix
	err := s.InTx(ctx, func(_ pgx.Tx, q *Queries) error {
		m, err := q.LockMatrix(ctx, id)
		if err := found(m, err, id); err != nil {
			return err
		}
		users, err := q.MatrixUsers(ctx, id, usersShown)
		if err != nil {
			return fmt.Errorf("looking for the products of matrix %s: %w", id, err)
		}
		if len(users) > 0 {
			return fmt.Errorf("matrix %s is part of the multiplications %v: %w", id, users, ErrInUse)
		}
		if err := check(m); err != nil {
			return err
		}
		gone, err = q.dropTx(ctx, m)
		return err
	})
	if err != nil || !gone.InBlocks() {
		return err
	}
	return s.Blocks.Delete(ctx, gone.ID)
}

// dropTx deletes the row of a matrix that the transaction has locked, or hides it while others share its blocks: who is about
// to share them holds a lock, too. It returns the matrix if blocks of its own are free now.
func (q *Queries) dropTx(ctx context.Context, m Matrix) (gone Matrix, err error) {
	shared, err := q.ContentIsShared(ctx, m.ID)
	if err != nil {
		return gone, fmt.Errorf("looking for others with the content of matrix %s: %w", m.ID, err)
	}
	if shared {
		return gone, q.HideMatrix(ctx, m.ID)
	}
	if _, err := q.DeleteMatrix(ctx, m.ID); err != nil {
		return gone, fmt.Errorf("deleting matrix %s: %w", m.ID, err)
	}
	return m, nil
}

// DeleteProduct removes a product that has ended, and its result unless another product uses that. ErrNotFound, or
// ErrInUse while it is worked on.
func (s *Store) DeleteProduct(ctx context.Context, id uuid.UUID) error {
	var p Multiplication
	err := s.InTx(ctx, func(_ pgx.Tx, q *Queries) (err error) {
		if p, err = q.LockMultiplication(ctx, id); err != nil {
			return notFound(err, "multiplication", id)
		}
		if !p.State.Final() {
			return fmt.Errorf("multiplication %s is %s, cancel it first: %w", id, p.State, ErrInUse)
		}
		_, err = q.DeleteMultiplication(ctx, id)
		return err
	})
	if err != nil {
		return err
	}
	// Its result may be used by another product, or somebody has been faster to delete it.
	if err := s.Remove(ctx, p.C); !errors.Is(err, ErrInUse) && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

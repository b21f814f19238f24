package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrInUse says that something cannot be deleted because something else needs it.
var ErrInUse = errors.New("in use")

// usersShown is how many products an error names that use a matrix.
const usersShown = 5

// DeleteUnusedMatrix removes a matrix and its content. ErrNotFound, or ErrInUse with the products that it is part of, or
// ErrNotReady while it is being written.
func (s *Store) DeleteUnusedMatrix(ctx context.Context, id uuid.UUID) error {
	m, err := s.Matrix(ctx, id)
	if err != nil {
		return err
	}
	users, err := s.MatrixUsers(ctx, id, usersShown)
	if err != nil {
		return fmt.Errorf("looking for the products of matrix %s: %w", id, err)
	}
	if len(users) > 0 {
		return fmt.Errorf("matrix %s is part of the multiplications %v: %w", id, users, ErrInUse)
	}
	if m.State != Ready {
		return fmt.Errorf("matrix %s: %w", id, ErrNotReady)
	}
	err = s.Remove(ctx, m)
	var violation *pgconn.PgError
	if errors.As(err, &violation) && violation.Code == pgerrcode.ForeignKeyViolation { // one came in between
		return fmt.Errorf("matrix %s is part of a multiplication: %w", id, ErrInUse)
	}
	return err
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
	c, err := s.Matrix(ctx, p.C)
	if err != nil {
		return err
	}
	if c.State != Ready { // it has never been completed, nobody can use it
		return s.Remove(ctx, c)
	}
	if err := s.DeleteUnusedMatrix(ctx, c.ID); !errors.Is(err, ErrInUse) {
		return err
	}
	return nil
}

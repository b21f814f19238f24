// Package installation keeps the identity that the database and the block store of an installation share.
package installation

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/internal/db"
)

// ErrIdentity means that database and block store do not belong together: one would delete what belongs to the other.
var ErrIdentity = errors.New("the database and the block store do not belong together")

// identified is a block store outside of the database, which bears the identity of the installation.
type identified interface {
	// Identity returns the id that the store bears, uuid.Nil if it bears none.
	Identity() (uuid.UUID, error)
	// SetIdentity makes the store bear an id.
	SetIdentity(id uuid.UUID) error
}

// Identify compares the identity of the block store with that of the database. If there is none yet, it makes one.
// Errors: ErrIdentity, with what to do. Call it before Observe.
func Identify(ctx context.Context, s *store.Store) error {
	mark := uuid.Nil
	err := s.InTx(ctx, func(tx *store.Tx) (err error) {
		mark, err = identifyTx(ctx, s, tx)
		return err
	})
	if err != nil || mark == uuid.Nil {
		return err
	}
	// The row is committed by now: a mark without a row would be another installation's.
	return setMark(ctx, s, mark)
}

// identifyTx returns the id that the block store is to bear, or uuid.Nil if it bears the right one.
func identifyTx(ctx context.Context, s *store.Store, tx *store.Tx) (uuid.UUID, error) {
	if err := db.New(tx.Pgx()).LockInstallation(ctx); err != nil {
		return uuid.Nil, fmt.Errorf("waiting for the identity of the installation: %w", err)
	}
	row, err := db.New(tx.Pgx()).GetInstallation(ctx)
	isNew := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !isNew {
		return uuid.Nil, fmt.Errorf("reading the identity of the installation: %w", err)
	}
	if isNew {
		row.ID = uuid.New()
	}
	outside, ok := s.Blocks.(identified)
	var mark uuid.UUID
	if ok {
		if mark, err = outside.Identity(); err != nil {
			return uuid.Nil, err
		}
		if err := compare(ctx, s, tx, mark, row.ID, isNew, row.Marked); err != nil {
			return uuid.Nil, err
		}
	}
	if isNew {
		if err := db.New(tx.Pgx()).InsertInstallation(ctx, row.ID); err != nil {
			return uuid.Nil, fmt.Errorf("writing the identity of the installation: %w", err)
		}
	}
	if !ok || mark == row.ID && row.Marked {
		return uuid.Nil, nil
	}
	return row.ID, nil
}

// compare returns ErrIdentity unless a block store with a mark, or without one, may belong to the database.
func compare(
	ctx context.Context, s *store.Store, tx *store.Tx, mark, id uuid.UUID, isNew, marked bool,
) error {
	switch {
	case mark == id && !isNew:
		return nil
	case mark != uuid.Nil && isNew:
		return fmt.Errorf("%w: the block store is that of installation %s, and the database is of none. %s",
			ErrIdentity, mark, whatToDo)
	case mark != uuid.Nil:
		return fmt.Errorf("%w: the block store is that of installation %s, and the database that of %s. %s",
			ErrIdentity, mark, id, whatToDo)
	case marked:
		return fmt.Errorf("%w: the block store bears no identity, and the database has one that bears %s. "+
			"Is its file system mounted, and --blocks the same for all processes? %s", ErrIdentity, id, whatToDo)
	}
	return checkUnmarked(ctx, s, tx)
}

const whatToDo = "If they do belong together, as after a database was restored or the blocks were moved, " +
	"run `millrace adopt` once"

// checkUnmarked returns ErrIdentity if a block store without an identity holds blocks, of which the database knows
// none: those of an installation that is older than identities.
func checkUnmarked(ctx context.Context, s *store.Store, tx *store.Tx) error {
	total, owned := 0, 0
	enough := errors.New("enough")
	err := s.Blocks.Owners(ctx, func(owners []uuid.UUID) error {
		found, err := db.New(tx.Pgx()).ListOwned(ctx, owners)
		total += len(owners)
		owned += len(found)
		if err == nil && owned > 0 {
			return enough
		}
		return err
	})
	if err != nil && !errors.Is(err, enough) {
		return fmt.Errorf("looking at the block store: %w", err)
	}
	if total > 0 && owned == 0 {
		return fmt.Errorf("%w: the block store holds %d matrices, of which the database knows none. %s",
			ErrIdentity, total, whatToDo)
	}
	return nil
}

// setMark makes the block store bear an id, and notes it.
func setMark(ctx context.Context, s *store.Store, id uuid.UUID) error {
	if err := s.Blocks.(identified).SetIdentity(id); err != nil {
		return err
	}
	if err := db.New(s.Pool).SetInstallation(ctx, id, true); err != nil {
		return fmt.Errorf("writing the identity of the installation: %w", err)
	}
	return nil
}

// Adopt makes database and block store belong together, and returns their identity. A copy of a database needs a new
// one, so that it does not pass for the original.
func Adopt(ctx context.Context, s *store.Store, renew bool) (uuid.UUID, error) {
	id := uuid.New()
	err := s.InTx(ctx, func(tx *store.Tx) error {
		if err := db.New(tx.Pgx()).LockInstallation(ctx); err != nil {
			return err
		}
		row, err := db.New(tx.Pgx()).GetInstallation(ctx)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return db.New(tx.Pgx()).InsertInstallation(ctx, id)
		case err != nil:
			return err
		case renew:
			return db.New(tx.Pgx()).SetInstallation(ctx, id, false)
		}
		id = row.ID
		return nil
	})
	if err != nil {
		return id, fmt.Errorf("adopting: %w", err)
	}
	if _, ok := s.Blocks.(identified); !ok {
		return id, nil
	}
	return id, setMark(ctx, s, id)
}

var (
	_ identified = (*blocks.File)(nil)
	_ identified = (*blocks.S3)(nil)
)

package jobs

import (
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/reuse"
)

func (b *transitionBundle) countTile(id uuid.UUID) (bool, error) {
	return b.inTx(func(tx *store.Tx) (bool, error) {
		_, counted, err := tx.CountTile(b.t.Context(), id, new(time.Now()))
		return counted, err
	})
}

func (b *transitionBundle) reopen(id uuid.UUID) (bool, error) {
	return b.inTx(func(tx *store.Tx) (bool, error) { return tx.ReopenMultiplication(b.t.Context(), id) })
}

func (b *transitionBundle) completeReused(id uuid.UUID) (bool, error) {
	return b.inTx(func(tx *store.Tx) (bool, error) {
		_, err := reuse.CompleteTx(b.t.Context(), tx.For(identity.DefaultTenant), id, time.Hour)
		if errors.Is(err, pgx.ErrNoRows) {
			return false, nil
		}
		return err == nil, err
	})
}

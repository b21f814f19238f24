package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/store/internal/db"
)

// Tx is a transaction. The outermost operation begins and commits it by InTx; functions that work inside the caller's
// transaction take it as a parameter, and their names end in Tx.
type Tx struct {
	tx    pgx.Tx
	db    *db.Queries
	store *Store
	after []func()
}

// maxConflicts is how often a transaction is begun anew after a conflict with others.
const maxConflicts = 5

// InTx runs f in a transaction and commits it, unless f returns an error. It does so again after Postgres has rolled
// the transaction back because of a deadlock, or because it cannot be serialized: f must not have effects but in the
// transaction and by AfterCommit.
func (s *Store) InTx(ctx context.Context, f func(tx *Tx) error) error {
	for conflicts := 1; ; conflicts++ {
		err := s.inTx(ctx, f)
		if conflicts >= maxConflicts || !conflict(err) {
			return err
		}
	}
}

// conflict reports whether a transaction was rolled back for no other reason than that others ran beside it.
func conflict(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && (server.Code == "40P01" || server.Code == "40001")
}

func (s *Store) inTx(ctx context.Context, f func(tx *Tx) error) error {
	var after []func()
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		t := &Tx{
			tx:    tx,
			db:    s.db.WithTx(tx),
			store: s,
		}
		err := f(t)
		after = t.after
		return err
	})
	if err != nil {
		return err
	}
	for _, do := range after {
		do()
	}
	return nil
}

// AfterCommit has f called once the transaction has been committed, in the order of the calls: wake-ups, notifications,
// metrics. It is not called when the transaction is rolled back, nor when the outcome of the commit is unknown.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// Pgx returns the transaction for statements on tables that are not the store's.
func (tx *Tx) Pgx() pgx.Tx { return tx.tx }

// SendBatch runs the statements of a batch in one round trip, inside the transaction.
func (tx *Tx) SendBatch(ctx context.Context, batch *pgx.Batch) error {
	return tx.tx.SendBatch(ctx, batch).Close()
}

// SendBatch runs the statements of a batch in one round trip.
func (s *Store) SendBatch(ctx context.Context, batch *pgx.Batch) error {
	return s.Pool.SendBatch(ctx, batch).Close()
}

// KnowBatches reports whether each process that runs understands that the jobs of a multiplication are enqueued in
// batches.
func (tx *Tx) KnowBatches(ctx context.Context) (bool, error) { return tx.db.AllKnow(ctx, batchesSince) }

// KnowParts reports whether each process that runs can compute parts of tiles.
func (tx *Tx) KnowParts(ctx context.Context) (bool, error) { return tx.db.AllKnow(ctx, partsSince) }

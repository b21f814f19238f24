package store_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// rows are a multiplication of stored matrices, and an inline one.
type rows struct {
	a          store.Matrix
	id, inline uuid.UUID
	owned      []identity.Owned
}

// insertRows writes them.
func insertRows(t *testing.T, s *store.Store) rows {
	t.Helper()
	r := rows{id: store.NewID(), inline: store.NewID()}
	var c store.Matrix
	shape := matrix.Shape{
		Rows:  1,
		Cols:  2,
		DType: matrix.Float64,
	}
	err := s.InTx(t.Context(), func(tx *store.Tx) (err error) {
		own := tx.For(identity.DefaultTenant)
		m := store.Matrix{
			ID:      store.NewID(),
			Rows:    1,
			Cols:    2,
			DType:   matrix.Float64,
			Source:  store.FromInline,
			State:   store.Ready,
			Content: make([]byte, shape.Bytes()),
		}
		if r.a, err = own.InsertMatrix(t.Context(), m); err != nil {
			return err
		}
		if c, err = own.InsertMatrix(t.Context(), store.NewRandom(shape, 1)); err != nil {
			return err
		}
		_, err = own.InsertMultiplication(t.Context(), store.Multiplication{
			ID:         r.id,
			A:          r.a.ID,
			B:          r.a.ID,
			C:          c.ID,
			Priority:   2,
			State:      "pending",
			DType:      matrix.Float64,
			TilesTotal: 100,
			LastJob:    -1,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.owned = []identity.Owned{{Tenant: identity.DefaultTenant, ID: r.id}, {Tenant: identity.DefaultTenant, ID: r.inline}}
	return r
}

// large stores a matrix in blocks.
func large(t *testing.T, s *store.Store) store.Matrix {
	t.Helper()
	shape := matrix.Shape{
		Rows:  2,
		Cols:  store.MaxInline / 8,
		DType: matrix.Float64,
	}
	u := s.For(identity.DefaultTenant).NewUpload(t.Context(), shape, false, store.FromUpload)
	if _, err := u.Write(bytes.Repeat([]byte{1}, int(shape.Bytes()))); err != nil {
		t.Fatal(err)
	}
	m, err := finish(t, s, u)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFailedStatements: no operation of the store says that it has succeeded when one of its statements has not, the
// beginning and the end of a transaction included.
func TestFailedStatements(t *testing.T) {
	t.Parallel()
	sound := open(t)
	pool, faults := testdb.Faulty(t, sound.Pool)
	s := store.Open(pool, sound.Blocks, time.Hour)
	blocked := large(t, sound)
	own := s.For(identity.DefaultTenant)
	all := s.ForAll()
	ids := func(r rows) []uuid.UUID { return []uuid.UUID{r.id, r.inline} }
	for name, operation := range map[string]func(context.Context, rows) error{
		"Matrix":         func(ctx context.Context, r rows) error { _, err := own.Matrix(ctx, r.a.ID); return err },
		"ReadyMatrix":    func(ctx context.Context, r rows) error { _, err := own.ReadyMatrix(ctx, blocked.ID); return err },
		"Whole":          func(ctx context.Context, r rows) error { _, err := own.Whole(ctx, r.id); return err },
		"IdempotencyKey": func(ctx context.Context, _ rows) error { _, err := own.IdempotencyKey(ctx, "key"); return err },
		"Page": func(ctx context.Context, r rows) error {
			_, _, err := own.Page(ctx, store.Filter{States: []string{"pending", "completed"}}, nil, 5)
			return err
		},
		"Page of a matrix": func(ctx context.Context, r rows) error {
			f := store.Filter{States: []string{"pending", "completed"}, Matrix: &r.a.ID}
			_, _, err := own.Page(ctx, f, nil, 5)
			return err
		},
		"Page of an inline matrix": func(ctx context.Context, r rows) error {
			id := inline.PartA.ID(inline.NewID())
			f := store.Filter{States: []string{"pending", "completed"}, Matrix: &id}
			_, _, err := own.Page(ctx, f, nil, 5)
			return err
		},
		"Multiplications":     func(ctx context.Context, r rows) error { _, err := all.Multiplications(ctx, ids(r)); return err },
		"StartMultiplication": func(ctx context.Context, r rows) error { _, err := all.StartMultiplication(ctx, r.id); return err },
		"TileCosts":           func(ctx context.Context, r rows) error { _, err := all.TileCosts(ctx, ids(r)); return err },
		"Events": func(ctx context.Context, r rows) error {
			_, err := all.Events(ctx, ids(r), []int64{0, 0}, 5)
			return err
		},
		"Contents":      func(ctx context.Context, r rows) error { _, err := s.Contents(ctx, r.owned); return err },
		"CountActive":   func(ctx context.Context, _ rows) error { _, err := s.CountActive(ctx); return err },
		"Starved":       func(ctx context.Context, _ rows) error { _, err := s.Starved(ctx, 1, 5); return err },
		"ComputeDigest": func(ctx context.Context, r rows) error { _, err := s.ComputeDigest(ctx, blocked); return err },
		"SweepExpired":  func(ctx context.Context, _ rows) error { _, err := s.SweepExpired(ctx); return err },
		"SweepOrphans":  func(ctx context.Context, _ rows) error { _, err := s.SweepOrphans(ctx); return err },
		"MultiplicationWithMatrices": func(ctx context.Context, r rows) error {
			_, err := all.MultiplicationWithMatrices(ctx, r.id)
			return err
		},
		"BatchDetails": func(ctx context.Context, r rows) error {
			var batch pgx.Batch
			store.BatchDetails(&batch, r.owned)
			return s.SendBatch(ctx, &batch)
		},
	} {
		faults.Each(t, name, func() func(context.Context) error {
			r := insertRows(t, sound)
			return func(ctx context.Context) error { return operation(ctx, r) }
		})
	}
}

// TestFailedTransactions is TestFailedStatements for what happens in transactions.
func TestFailedTransactions(t *testing.T) {
	t.Parallel()
	sound := open(t)
	pool, faults := testdb.Faulty(t, sound.Pool)
	s := store.Open(pool, sound.Blocks, time.Hour)
	blocked := large(t, sound)
	one := func(r rows) []uuid.UUID { return []uuid.UUID{r.a.ID} }
	for name, operation := range map[string]func(context.Context, *store.TenantTx, rows) error{
		"InsertMatrix": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			m := r.a
			m.ID = store.NewID()
			_, err := tx.InsertMatrix(ctx, m)
			return err
		},
		"UseMatrices": func(ctx context.Context, tx *store.TenantTx, r rows) error { return tx.UseMatrices(ctx, one(r)) },
		"LockMatrix": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.LockMatrix(ctx, r.a.ID)
			return err
		},
		"LockMultiplication": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.LockMultiplication(ctx, r.id)
			return err
		},
		"LockMultiplication of any tenant": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.Tx().LockMultiplication(ctx, r.id)
			return err
		},
		"LockInline": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.LockInline(ctx, []uuid.UUID{r.inline})
			return err
		},
		"LockInline of any tenant": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.Tx().LockInline(ctx, []uuid.UUID{r.inline})
			return err
		},
		"SaveIdempotencyKey": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			return tx.SaveIdempotencyKey(ctx, store.IdempotencyKey{
				Key:         r.id.String(),
				Fingerprint: make([]byte, 32),
				Status:      202,
				Body:        []byte("{}"),
			})
		},
		"FinishResult": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			return tx.Tx().FinishResult(ctx, r.a.ID, nil, nil)
		},
		"MatrixUsers": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.Tx().MatrixUsers(ctx, r.a.ID, 5)
			return err
		},
		"DeleteMatrix": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.Tx().DeleteMatrix(ctx, blocked)
			return err
		},
		"CountTile": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, _, err := tx.Tx().CountTile(ctx, r.id, nil)
			return err
		},
		"EndMultiplication": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.Tx().EndMultiplication(ctx, r.id, "failed", "a reason")
			return err
		},
		"ReopenMultiplication": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.Tx().ReopenMultiplication(ctx, r.id)
			return err
		},
		"RestoreTiles": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			return tx.Tx().RestoreTiles(ctx, r.id, 1, 1, 2)
		},
		"DeleteMultiplication": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.Tx().DeleteMultiplication(ctx, r.id)
			return err
		},
		"AddJobBatch": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			_, err := tx.Tx().AddJobBatch(ctx, r.id, 0, 1, 2)
			return err
		},
		"KnowBatches": func(ctx context.Context, tx *store.TenantTx, _ rows) error {
			_, err := tx.Tx().KnowBatches(ctx)
			return err
		},
		"KnowParts": func(ctx context.Context, tx *store.TenantTx, _ rows) error {
			_, err := tx.Tx().KnowParts(ctx)
			return err
		},
		"Reserve": func(ctx context.Context, tx *store.TenantTx, r rows) error {
			plan := matrix.Plan{
				M:        1000,
				N:        1000,
				TileRows: 1000,
				TileCols: 1000,
			}
			return tx.Tx().Reserve(ctx, r.id, plan, matrix.Float64, 1<<40)
		},
	} {
		faults.Each(t, name, func() func(context.Context) error {
			r := insertRows(t, sound)
			return func(ctx context.Context) error {
				return s.For(identity.DefaultTenant).InTx(ctx, func(tx *store.TenantTx) error { return operation(ctx, tx, r) })
			}
		})
	}
}

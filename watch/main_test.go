package watch

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/watch/notify"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// testBundle is a hub on a database of its own, and a store that changes multiplications as jobs do.
type testBundle struct {
	t         testing.TB
	store     *store.Store
	publisher *Publisher
	hub       *Hub
	queries   queryCounter // of the hub
}

func setup(t testing.TB) *testBundle {
	t.Helper()
	pool := testdb.New(t)
	b := &testBundle{t: t, store: store.Open(pool, blocks.NewPostgres(pool), time.Hour)}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	sender := notify.NewSender(pool, log)
	t.Cleanup(sender.Stop)
	b.publisher = NewPublisher(sender)
	b.hub = b.newHub(log)
	return b
}

// newHub starts a hub whose queries are counted.
func (b *testBundle) newHub(log *slog.Logger) *Hub {
	b.t.Helper()
	config := b.store.Pool.Config()
	config.ConnConfig.Tracer = &b.queries
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(b.t.Context(), config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	h := NewHub(store.Open(pool, blocks.NewPostgres(pool), time.Hour), log)
	h.Start(b.t.Context())
	b.t.Cleanup(h.Stop)
	return h
}

// queryCounter counts what a pool sends.
type queryCounter struct{ atomic.Int64 }

// TraceQueryStart implements pgx.QueryTracer.
func (c *queryCounter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.Add(1)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (c *queryCounter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// submit writes the row of a multiplication with a number of tiles and without jobs; its result is 1×tiles.
func (b *testBundle) submit(tiles int64) uuid.UUID {
	b.t.Helper()
	ctx := b.t.Context()
	operand := store.NewRandom(matrix.Shape{
		Rows:  1,
		Cols:  tiles,
		DType: matrix.Float64,
	}, 1)
	result := store.Matrix{
		ID:     store.NewID(),
		Rows:   1,
		Cols:   tiles,
		DType:  matrix.Float64,
		Source: store.FromMultiplication,
		State:  store.Uploading,
	}
	m := store.Multiplication{
		ID:         store.NewID(),
		A:          operand.ID,
		B:          operand.ID,
		C:          result.ID,
		Priority:   1,
		State:      "pending",
		M:          1,
		K:          1,
		N:          tiles,
		DType:      matrix.Float64,
		TileRows:   1,
		TileCols:   1,
		TilesTotal: tiles,
		LastJob:    -1,
	}
	b.inTx(func(tx *store.Tx) error {
		for _, row := range []store.Matrix{operand, result} {
			if _, err := tx.For(identity.DefaultTenant).InsertMatrix(ctx, row); err != nil {
				return err
			}
		}
		_, err := tx.For(identity.DefaultTenant).InsertMultiplication(ctx, m)
		return err
	})
	return m.ID
}

// own names multiplications of the tenant whose they are.
func own(ids ...uuid.UUID) []identity.Owned { return identity.Of(identity.DefaultTenant, ids...) }

func (b *testBundle) inTx(f func(tx *store.Tx) error) {
	b.t.Helper()
	if err := b.store.InTx(b.t.Context(), f); err != nil {
		b.t.Fatal(err)
	}
}

// work does a tile of a multiplication, as a worker would, and publishes it if published.
func (b *testBundle) work(id uuid.UUID, published bool) {
	b.t.Helper()
	now := time.Now()
	b.inTx(func(tx *store.Tx) error {
		m, active, err := tx.CountTile(b.t.Context(), id, &now)
		if err != nil || !active {
			return err
		}
		if published {
			tx.AfterCommit(func() {
				if m.Finished() {
					b.publisher.Finished(id)
				} else {
					b.publisher.Changed(id)
				}
			})
		}
		if !m.Finished() {
			return nil
		}
		return tx.FinishResult(b.t.Context(), m.C, make([]byte, 8), nil)
	})
}

// end gives a multiplication an outcome.
func (b *testBundle) end(id uuid.UUID, state, failure string) {
	b.t.Helper()
	b.inTx(func(tx *store.Tx) error {
		ended, err := tx.EndMultiplication(b.t.Context(), id, state, failure)
		if err == nil && !ended {
			b.t.Fatalf("EndMultiplication(%s) = false, want true", state)
		}
		return err
	})
	b.publisher.Finished(id)
}

// reopen retries a multiplication that has failed or was cancelled.
func (b *testBundle) reopen(id uuid.UUID) {
	b.t.Helper()
	b.inTx(func(tx *store.Tx) error {
		_, err := tx.ReopenMultiplication(b.t.Context(), id)
		return err
	})
	b.publisher.Changed(id)
}

// start makes a multiplication in progress.
func (b *testBundle) start(id uuid.UUID) {
	b.t.Helper()
	if started, err := b.store.ForAll().StartMultiplication(b.t.Context(), id); err != nil || !started {
		b.t.Fatalf("StartMultiplication() = %v, %v, want true", started, err)
	}
}

// delete deletes the row of a multiplication, in whichever state it is.
func (b *testBundle) delete(id uuid.UUID) {
	b.t.Helper()
	if _, err := b.store.Pool.Exec(b.t.Context(), "DELETE FROM multiplications WHERE id = $1", id); err != nil {
		b.t.Fatal(err)
	}
	b.publisher.Finished(id)
}

// eventually returns once done reports true.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute still not: %s", what)
		}
	}
}

// joined returns once n waiters and subscribers watch a multiplication.
func (b *testBundle) joined(id uuid.UUID, n int) {
	b.t.Helper()
	eventually(b.t, "all have joined", func() bool {
		b.hub.mu.Lock()
		defer b.hub.mu.Unlock()
		t := b.hub.topics[id]
		return t != nil && len(t.waiters)+t.subscribers == n
	})
}

// wait waits for multiplications in the background, n times for each.
func (b *testBundle) wait(limit time.Duration, n int, ids ...uuid.UUID) chan error {
	results := make(chan error, n*len(ids))
	for _, id := range ids {
		for range n {
			go func() { results <- b.hub.Wait(b.t.Context(), own(id)[0], limit) }()
		}
	}
	return results
}

// state returns the state of a multiplication as it is now.
func (b *testBundle) state(id uuid.UUID) string {
	b.t.Helper()
	rows, err := b.store.ForAll().Multiplications(b.t.Context(), []uuid.UUID{id})
	if err != nil || len(rows) != 1 {
		b.t.Fatalf("Multiplications() = %d rows, %v, want 1", len(rows), err)
	}
	return rows[0].State
}

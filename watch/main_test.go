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

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// testBundle is a hub on a database of its own, and a store that changes products as jobs do.
type testBundle struct {
	t       testing.TB
	store   *store.Store
	changes *Announcer
	hub     *Hub
	queries queryCounter // of the hub
}

func setup(t testing.TB) *testBundle {
	t.Helper()
	pool := testdb.New(t)
	b := &testBundle{t: t, store: store.Open(pool, store.NewPostgresBlocks(pool), time.Hour)}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	b.changes = NewAnnouncer(b.store, log)
	t.Cleanup(b.changes.Stop)
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
	h := NewHub(store.Open(pool, store.NewPostgresBlocks(pool), time.Hour), log)
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

// submit writes the row of a product with a number of tiles and without jobs; its result is 1×tiles.
func (b *testBundle) submit(tiles int64) uuid.UUID {
	b.t.Helper()
	ctx := b.t.Context()
	shape := matrix.Shape{Rows: 1, Cols: tiles, DType: matrix.Float64}
	operand := store.NewRandom(shape, 1)
	result := store.Matrix{ID: store.NewID(), Rows: 1, Cols: tiles, DType: matrix.Float64, Source: store.FromProduct, State: store.Uploading}
	p := store.InsertMultiplicationParams{
		ID: store.NewID(), A: operand.ID, B: operand.ID, C: result.ID, Priority: 1, State: store.Pending, M: 1, K: 1, N: tiles,
		DType: matrix.Float64, TileRows: 1, TileCols: 1, TilesTotal: tiles, LastJob: -1, Retention: time.Hour,
	}
	err := b.store.InTx(ctx, func(_ pgx.Tx, q *store.Queries) error {
		for _, m := range []store.Matrix{operand, result} {
			if _, err := q.Insert(ctx, m, time.Hour); err != nil {
				return err
			}
		}
		_, err := q.InsertMultiplication(ctx, p)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return p.ID
}

// work does a tile of a product, as a worker would: it says so if announced.
func (b *testBundle) work(id uuid.UUID, announced bool) {
	b.t.Helper()
	now := time.Now()
	var counted store.CountTileRow
	err := b.store.InTx(b.t.Context(), func(_ pgx.Tx, q *store.Queries) (err error) {
		if counted, err = q.CountTile(b.t.Context(), &now, time.Hour, id); err != nil || counted.State != store.Completed {
			return err
		}
		return q.CompleteProduct(b.t.Context(), store.CompleteProductParams{ID: counted.C, Content: make([]byte, 8), Retention: time.Hour})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	switch {
	case !announced:
	case counted.State.Final():
		b.changes.Ended(id)
	default:
		b.changes.Changed(id)
	}
}

// end gives a product an outcome.
func (b *testBundle) end(id uuid.UUID, state store.State) {
	b.t.Helper()
	n, err := b.store.EndMultiplication(b.t.Context(), store.EndMultiplicationParams{ID: id, State: state, Retention: time.Hour})
	if err != nil || n != 1 {
		b.t.Fatalf("ended %d, %v", n, err)
	}
	b.changes.Ended(id)
}

// reopen takes a failure or a cancellation back.
func (b *testBundle) reopen(id uuid.UUID) {
	b.t.Helper()
	if err := b.store.ReopenMultiplication(b.t.Context(), time.Hour, id); err != nil {
		b.t.Fatal(err)
	}
	b.changes.Changed(id)
}

// eventually returns once done does so truly.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// waiting returns once n wait for or follow a product.
func (b *testBundle) waiting(id uuid.UUID, n int) {
	b.t.Helper()
	eventually(b.t, "all wait", func() bool {
		b.hub.mu.Lock()
		defer b.hub.mu.Unlock()
		t := b.hub.topics[id]
		return t != nil && len(t.waiters)+t.followers == n
	})
}

// result is what Await returned.
type result struct {
	*Outcome
	err error
}

// await waits for products in the background, n for each.
func (b *testBundle) await(limit time.Duration, n int, ids ...uuid.UUID) chan result {
	results := make(chan result, n*len(ids))
	for _, id := range ids {
		for range n {
			go func() {
				o, err := b.hub.Await(b.t.Context(), id, limit)
				results <- result{o, err}
			}()
		}
	}
	return results
}

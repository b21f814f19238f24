package jobs_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

const (
	batch = 500  // jobs that are enqueued at once
	ahead = 1500 // jobs that wait or run at most
	many  = 1700 // tiles of a multiplication of several batches
)

// limits let a test submit what would not fit on its disk.
var limits = jobs.Limits{MaxTiles: 1 << 20, MaxReserved: 1 << 60}

// submitMany submits a multiplication of many tiles, and makes them tiles of one element each, so that they are cheap.
// There must be no workers yet.
func (b *testBundle) submitMany(c *jobs.Client, tiles int64) uuid.UUID {
	b.t.Helper()
	c.SetLimits(limits)
	const columns = 5_242_880 // of a tile of one row
	id := b.submit(c, 1, 1, tiles*columns)
	b.exec(`UPDATE multiplications SET n = $1, tile_rows = 1, tile_cols = 1 WHERE id = $2 AND tiles_total = $1`, tiles, id)
	b.exec(`UPDATE matrices x SET cols = $1, block_rows = CASE x.id WHEN m.c THEN 1 ELSE 0 END,
			block_cols = CASE x.id WHEN m.c THEN 1 ELSE 0 END
		FROM multiplications m WHERE m.id = $2 AND x.id IN (m.b, m.c)`, tiles, id)
	return id
}

// tileJobs counts the jobs of tiles for which a condition holds.
func (b *testBundle) tileJobs(condition string, args ...any) int64 {
	b.t.Helper()
	return b.count("SELECT count(*) FROM river_job WHERE kind = 'multiply_tile' AND "+condition, args...)
}

// expectEachTileOnce checks that each tile has one job, which is completed, and that the tiles were enqueued in order.
func (b *testBundle) expectEachTileOnce(tiles int64) {
	b.t.Helper()
	if n := b.tileJobs("state = 'completed'"); n != tiles {
		b.t.Errorf("got %d completed jobs, want %d", n, tiles)
	}
	const outOfOrder = `SELECT count(*)
		FROM (SELECT (args->>'tile')::bigint AS tile, row_number() OVER (ORDER BY id) AS place FROM river_job WHERE kind = 'multiply_tile') x WHERE tile <> place - 1`
	if n := b.count(outOfOrder); n != 0 {
		b.t.Errorf("got %d jobs out of order, want 0", n)
	}
}

// TestBatches: a multiplication of many tiles has a bounded number of jobs that wait, and each tile is computed once.
func TestBatches(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Tiles: 8})
	id := b.submitMany(c, many)
	if n := b.tileJobs("true"); n != batch {
		t.Errorf("a submission enqueues %d jobs, want %d", n, batch)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until(id, "going on", func(m jobs.Multiplication) bool {
		if n := m.TilesTotal - m.TilesUnqueued - m.TilesCompleted; n > ahead {
			t.Errorf("got %d tiles with unfinished jobs, want at most %d", n, ahead)
		}
		return m.TilesCompleted > 0 && m.TilesUnqueued == 0
	})
	m := b.ends(id, jobs.Completed)
	if m.TilesCompleted != many || m.Progress.Attempts != many || len(m.Errors) != 0 {
		t.Errorf("got %d completed tiles, %d attempts and the errors %+v, want %d, %d and none",
			m.TilesCompleted, m.Progress.Attempts, m.Errors, many, many)
	}
	b.expectEachTileOnce(many)
	if n := b.tileJobs("(metadata->>'due_at')::timestamptz <> (SELECT created_at FROM multiplications)"); n != 0 {
		t.Errorf("got %d jobs that are not due since the submission, want 0", n)
	}
	const places = `SELECT count(*)
		FROM (SELECT scheduled_at, lag(scheduled_at) OVER (ORDER BY id) AS before FROM river_job WHERE kind = 'multiply_tile') x WHERE scheduled_at <= before`
	if n := b.count(places); n != 0 {
		t.Errorf("got %d jobs that are not behind those before them, want 0", n)
	}
	b.expectResult(id)
}

// TestLostBatch: processes of the version before have counted all tiles that had jobs. The multiplication is not failed,
// and the next batches are enqueued.
func TestLostBatch(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Lead: true})
	id := b.submitMany(c, many)
	b.exec(`UPDATE river_job SET state = 'completed', finalized_at = now(), metadata = metadata || '{"counted": true}'`)
	b.exec("UPDATE multiplications SET state = 'in_progress', started_at = now(), tiles_completed = $1", batch)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.untilCount(many-batch, "SELECT count(*) FROM river_job WHERE kind = 'multiply_tile' AND state = 'available'")
	b.untilCount(1, "SELECT count(*) FROM river_job WHERE kind = 'sweep' AND state = 'completed'")
	worker := b.client(queue.Config{Work: true, Tiles: 8})
	if err := worker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Completed)
	b.expectEachTileOnce(many)
}

// TestBatchThatCannotBeEnqueued: a tile is counted with the batch that follows it, or not at all.
func TestBatchThatCannotBeEnqueued(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Tiles: 1})
	id := b.submitMany(c, many)
	b.exec("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$")
	b.exec("CREATE TRIGGER refuse BEFORE INSERT ON job_batches EXECUTE FUNCTION refuse()")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := b.until(id, "failing", func(m jobs.Multiplication) bool { return len(m.Errors) > 0 })
	if n := b.tileJobs("true"); n != batch || m.TilesCompleted != 0 {
		t.Errorf("got %d jobs and %d completed tiles, want %d and 0", n, m.TilesCompleted, batch)
	}
	b.exec("DROP TRIGGER refuse ON job_batches")
	b.until(id, "going on", func(m jobs.Multiplication) bool { return m.TilesUnqueued < many-batch })
}

// TestBatchesAreNotKnown: while a process runs that would not enqueue what follows, all tiles are enqueued at once.
func TestBatchesAreNotKnown(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	b.exec("INSERT INTO workers (id, schema_version) VALUES ('of the version before', 4)")
	id := b.submitMany(c, many)
	if m, err := c.Get(t.Context(), identity.DefaultTenant, id); err != nil || m.TilesUnqueued != 0 || b.tileJobs("true") != many {
		t.Errorf("Get() = %+v, %v, and %d jobs, want %d", m, err, b.tileJobs("true"), many)
	}
	if n := b.count("SELECT count(*) FROM job_batches"); n != 0 {
		t.Errorf("got %d batches, want 0", n)
	}
}

// TestSweptBatch: a tile of an early batch that ends without a result fails its multiplication, also while others wait
// for their jobs.
func TestSweptBatch(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Lead: true})
	id := b.submitMany(c, many)
	b.exec("UPDATE river_job SET state = 'discarded', finalized_at = now()")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Failed)
}

// statements counts what one connection sends to the database: others send notifications meanwhile.
type statements struct {
	conn atomic.Pointer[pgx.Conn]
	sent atomic.Int64
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *statements) TraceQueryStart(ctx context.Context, c *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if c == s.conn.Load() {
		s.sent.Add(1)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// traced returns a store on the same database whose statements are counted.
func (b *testBundle) traced() (*store.Store, *statements) {
	b.t.Helper()
	var s statements
	config := b.store.Pool.Config()
	config.ConnConfig.Tracer = &s
	pool, err := pgxpool.NewWithConfig(b.t.Context(), config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return store.Open(pool, b.store.Blocks, time.Hour), &s
}

// TestHugeCostsLikeSmall: what submitting, cancelling and retrying cost does not depend on the number of tiles.
func TestHugeCostsLikeSmall(t *testing.T) {
	b := setup(t)
	s, sent := b.traced()
	c := b.clientOn(s, queue.Config{})
	c.SetLimits(limits)
	// cost returns the statements and the jobs that something takes.
	cost := func(do func(tx *store.Tx) error) (queries, written int64) {
		t.Helper()
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			sent.conn.Store(tx.Pgx().Conn())
			before := sent.sent.Load()
			err := do(tx)
			queries = sent.sent.Load() - before
			if err != nil {
				return err
			}
			const changed = "SELECT count(*) FROM river_job WHERE xmin = pg_current_xact_id()::xid AND NOT metadata ? 'gave_way'"
			return tx.Pgx().QueryRow(t.Context(), changed).Scan(&written)
		})
		if err != nil {
			t.Fatal(err)
		}
		return queries, written
	}
	type costs struct{ submit, cancel, retry [2]int64 }
	measure := func(tiles int64) (all costs) {
		t.Helper()
		var m jobs.Multiplication
		all.submit[0], all.submit[1] = cost(func(tx *store.Tx) (err error) {
			submission := jobs.Submission{
				A:        random(1, 1, 1),
				B:        random(1, tiles*5_242_880, 2),
				Priority: 1,
			}
			m, err = c.SubmitTx(t.Context(), tx.For(identity.DefaultTenant), submission)
			return err
		})
		if m.TilesTotal != tiles {
			t.Fatalf("got %d tiles, want %d", m.TilesTotal, tiles)
		}
		all.cancel[0], all.cancel[1] = cost(func(tx *store.Tx) error { return c.CancelTx(t.Context(), tx.For(identity.DefaultTenant), m.ID) })
		all.retry[0], all.retry[1] = cost(func(tx *store.Tx) error { return c.RetryTx(t.Context(), tx.For(identity.DefaultTenant), m.ID) })
		return all
	}
	two, huge := measure(2*batch), measure(300_000)
	if two != huge || huge.cancel[1] != batch {
		t.Errorf("got %+v (statements and jobs) for 300,000 tiles and %+v for %d, want the same, with %d jobs",
			huge, two, 2*batch, batch)
	}
}

// TestReservations: results take no more space than there is, whatever is submitted at the same time.
func TestReservations(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	const size = 2000 * 2000 * 8
	c.SetLimits(jobs.Limits{MaxReserved: 3 * size})
	submission := func(side int64) jobs.Submission {
		return jobs.Submission{
			A:        random(side, 2, 1),
			B:        random(2, side, 2),
			Priority: 1,
		}
	}
	accepted := make(chan uuid.UUID, 10)
	refused := make(chan error, 10)
	for range 10 {
		go func() {
			m, err := b.trySubmit(c, submission(2000))
			if err == nil {
				accepted <- m.ID
			}
			refused <- err
		}()
	}
	for range 10 {
		if err := <-refused; err != nil && !errors.Is(err, store.ErrNoSpace) {
			t.Errorf("SubmitTx() = %v, want %v", err, store.ErrNoSpace)
		}
	}
	if len(accepted) != 3 {
		t.Fatalf("got %d multiplications that were accepted, want 3", len(accepted))
	}
	if _, err := b.trySubmit(c, submission(5)); err != nil {
		t.Errorf("SubmitTx() with a result that lives in its row = %v, want no error", err)
	}
	first := <-accepted
	if err := b.cancel(c, first); err != nil {
		t.Fatal(err)
	}
	if _, err := b.trySubmit(c, submission(2000)); err != nil {
		t.Errorf("SubmitTx() after a cancellation = %v, want no error", err)
	}
	if err := b.retry(c, first); !errors.Is(err, store.ErrNoSpace) {
		t.Errorf("RetryTx() = %v, want %v", err, store.ErrNoSpace)
	}
	b.exec("UPDATE multiplications SET state = 'in_progress', tiles_completed = tiles_total WHERE id = $1", <-accepted)
	if err := b.retry(c, first); err != nil {
		t.Errorf("RetryTx() when another result is written = %v, want no error", err)
	}
	c.SetLimits(jobs.Limits{MaxTiles: 1 << 40}) // what the directory has room for
	if _, err := b.trySubmit(c, submission(1<<27)); !errors.Is(err, store.ErrNoSpace) {
		t.Errorf("SubmitTx() of 128 PiB = %v, want %v", err, store.ErrNoSpace)
	}
}

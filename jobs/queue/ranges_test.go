package queue

import (
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/queue/internal/db"
)

// plan is a part of what EXPLAIN returns as JSON.
type plan []struct {
	Plan struct {
		Hit  int64 `json:"Shared Hit Blocks"`
		Read int64 `json:"Shared Read Blocks"`
	}
}

// TestStatementsReadTheirRanges: what a statement on the jobs of a multiplication reads does not depend on the jobs of
// others, also when these were enqueued between its batches.
func TestStatementsReadTheirRanges(t *testing.T) {
	b := setup(t)
	c := b.client(Config{}, idle)
	g := b.enqueue(c, Tiles, fourM, fourK, fourN)
	b.exec("UPDATE multiplications SET batched = true, tiles_total = 4000, last_job = 1 << 40")
	b.exec("DELETE FROM river_job")
	const batches, tiles, others = 10, 400, 20_000
	for range batches {
		b.exec(`WITH inserted AS (
			INSERT INTO river_job (kind, args, max_attempts, priority, queue, state, finalized_at)
			SELECT 'multiply_tile', jsonb_build_object('multiplication_id', $1::text, 'tile', i), 1, 1, 'tiles', 'cancelled',
				now()
			FROM generate_series(1, $2::int) AS i RETURNING id)
			INSERT INTO job_batches SELECT $1::uuid, min(id), max(id) FROM inserted`, g.ID.String(), tiles)
		b.exec(`INSERT INTO river_job (kind, args, max_attempts, priority, queue, state, finalized_at)
			SELECT 'multiply_tile', jsonb_build_object('multiplication_id', gen_random_uuid(), 'tile', i), 1, 1, 'tiles',
				(CASE i % 2 WHEN 0 THEN 'completed' ELSE 'cancelled' END)::river_job_state, now()
			FROM generate_series(1, $1::int) AS i`, others)
	}
	pages := query[int64](b, "SELECT pg_relation_size('river_job') / 8192")
	few := pages / 8 // a 51st of them has its jobs; each update touches several indexes
	ids := []uuid.UUID{g.ID}
	for _, statistics := range []bool{false, true} {
		if statistics {
			b.exec("ANALYZE")
		}
		for name, statement := range map[string]struct {
			sql  string
			args []any
		}{
			"ListProgress":   {db.ListProgress, []any{ids}},
			"ListErrors":     {db.ListErrors, []any{errorAttempt, errorAt, errorMessage, 50, ids}},
			"ListUnsettled":  {db.ListUnsettled, []any{1000}},
			"CancelWaiting":  {db.CancelWaiting, []any{g.ID}},
			"ListUnfinished": {db.ListUnfinished, []any{g.ID}},
			"CountRunning":   {db.CountRunning, []any{g.ID}},
			"CountStopping":  {db.CountStopping, []any{g.ID, cancelMark}},
		} {
			read := query[plan](b, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+statement.sql, statement.args...)[0].Plan
			if n := read.Hit + read.Read; n > few {
				t.Errorf("%s, with statistics %t, reads %d pages, want at most %d of %d", name, statistics, n, few, pages)
			}
		}
	}
	b.exec("UPDATE river_job SET state = 'completed' WHERE args->>'multiplication_id' = $1", g.ID.String())
	b.exec("VACUUM river_job")
	read := query[plan](b, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+db.Requeue,
		attemptsLimit, MaxAttempts, errorsLimit, cancelMark, g.ID)[0].Plan
	if n := read.Hit + read.Read; n > few {
		t.Errorf("Requeue reads %d pages, want at most %d of %d", n, few, pages)
	}
}

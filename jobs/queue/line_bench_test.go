package queue

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/jobs/queue/line"
)

// fillLine puts a million tiles of a thousand tenants into the line: two multiplications each, of 500 tiles.
const fillLine = `WITH t AS (
		INSERT INTO tenants (name, weight) SELECT 't' || i, 1 + i % 4 FROM generate_series(1, 1000) AS i RETURNING id, weight
	), a AS (
		INSERT INTO matrices (id, tenant_id, rows, cols, dtype, source, seed, state, created_at, expires_at)
		SELECT gen_random_uuid(), t.id, 1, 1, 'float64', 'random', 1, 'ready', now(), now() + interval '1 day' FROM t
		RETURNING id, tenant_id
	), m AS (
		INSERT INTO multiplications (id, tenant_id, a, b, c, priority, state, m, k, n, dtype, tile_rows, tile_cols,
			tiles_total, first_job, last_job, expires_at)
		SELECT gen_random_uuid(), a.tenant_id, a.id, a.id, a.id, 2, 'pending', 500, 1, 1, 'float64', 1, 1, 500, 1, 0,
			now() + interval '1 day'
		FROM a, generate_series(1, 2) RETURNING id, tenant_id
	), p AS (
		INSERT INTO line_places SELECT m.id, m.tenant_id, 2, 1, 1, 2 / t.weight, line_place('1000-01-01', 1000 / t.weight)
		FROM m JOIN t ON t.id = m.tenant_id
	)
	INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
	SELECT 'multiply_tile', jsonb_build_object('multiplication_id', m.id, 'tile', i), 10,
		jsonb_build_object('multiplication_id', m.id), 2, 'tiles', line_place('1000-01-01', 2 * i / t.weight), 'available', ARRAY[m.id::text]
	FROM m JOIN t ON t.id = m.tenant_id, generate_series(1, 500) AS i`

// BenchmarkFetch measures River's fetch of two jobs from a line of a million, while tiles are completed and the line is
// looked at each second.
func BenchmarkFetch(b *testing.B) {
	pool := testdb.New(b)
	for _, sql := range []string{fillLine, "ANALYZE"} {
		if _, err := pool.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	keeper := line.New(db.New(pool))
	var looks []time.Duration
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			start := time.Now()
			if _, err := keeper.Look(ctx); err == nil {
				looks = append(looks, time.Since(start))
			}
			time.Sleep(line.Interval) // a process looks as often
		}
	})
	executor := riverpgxv5.New(pool).GetExecutor()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		jobs, err := executor.JobGetAvailable(b.Context(), &riverdriver.JobGetAvailableParams{
			ClientID:       "worker",
			MaxAttemptedBy: 10,
			MaxToLock:      2,
			Queue:          Tiles,
		})
		took = append(took, time.Since(start))
		if err != nil || len(jobs.Jobs) != 2 {
			b.Fatalf("got %v, %v, want two jobs", jobs, err)
		}
		_, err = pool.Exec(b.Context(), `UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = ANY($1)`,
			[]int64{jobs.Jobs[0].ID, jobs.Jobs[1].ID})
		if err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	done.Wait()
	report := func(name string, all []time.Duration) {
		slices.Sort(all)
		if len(all) > 0 {
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, name+"-p99-ms")
		}
	}
	report("fetch", took)
	report("look", looks)
}

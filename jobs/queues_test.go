package jobs_test

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// lead starts a client that only looks at the queues.
func (b *testBundle) lead(registry *prometheus.Registry) *jobs.Client {
	b.t.Helper()
	c := b.client(jobs.Config{Lead: true, Metrics: registry})
	if err := c.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// TestQueuesOfAnIdleSystem: an autoscaler finds every series, at zero, as soon as the process is up.
func TestQueuesOfAnIdleSystem(t *testing.T) {
	b := setup(t)
	registry := prometheus.NewRegistry()
	b.lead(registry)
	got, want := series(t, registry), map[string]float64{"millrace_leases": 1, "millrace_jobs_rescued_total": 0}
	for _, queue := range []string{"small", "tiles"} {
		want[`river_queue_depth{queue="`+queue+`"}`] = 0
		want[`millrace_queue_depth_estimated{queue="`+queue+`"}`] = 0
		want[`millrace_queue_oldest_job_age_seconds{queue="`+queue+`"}`] = 0
		want[`millrace_queue_work_seconds{queue="`+queue+`"}`] = 0
		for _, state := range []string{"available", "running", "retryable", "scheduled", "pending"} {
			want[`millrace_queue_jobs{queue="`+queue+`",state="`+state+`"}`] = 0
		}
	}
	expect(t, got, want)
}

// TestQueues: depth is what waits, runs or is due to be tried again; what is to be tried later is not.
func TestQueues(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{})
	b.submit(c, 5, 5, 5)
	b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET scheduled_at = now() - interval '1 hour' WHERE queue = 'small'")
	b.exec(`UPDATE river_job SET state = 'running', attempted_at = now(), attempted_by = '{somebody}' WHERE queue = 'tiles' AND args->>'tile' = '1'`)
	b.exec(`UPDATE river_job SET state = 'retryable', scheduled_at = now() WHERE queue = 'tiles' AND args->>'tile' = '2'`)
	b.exec(`UPDATE river_job SET state = 'retryable', scheduled_at = now() + interval '1 hour' WHERE queue = 'tiles' AND args->>'tile' = '3'`)
	registry := prometheus.NewRegistry()
	lead := b.lead(registry)
	expect(t, series(t, registry), map[string]float64{
		`river_queue_depth{queue="small"}`:                     1,
		`river_queue_depth{queue="tiles"}`:                     3,
		`millrace_queue_jobs{queue="tiles",state="available"}`: 1,
		`millrace_queue_jobs{queue="tiles",state="running"}`:   1,
		`millrace_queue_jobs{queue="tiles",state="retryable"}`: 2,
		`millrace_queue_depth_estimated{queue="tiles"}`:        0,
	})
	seen, ok := lead.Queues()
	if !ok || len(seen.Queues) != 2 || seen.Leases != 1 {
		t.Fatalf("%t, %+v", ok, seen)
	}
	if small := seen.Queues[0]; small.Name != jobs.QueueSmall || small.Oldest < time.Hour || small.Oldest > 2*time.Hour || small.Work <= 0 {
		t.Errorf("%+v", small)
	}
	if tiles := seen.Queues[1]; tiles.Name != jobs.QueueTiles || tiles.Oldest > time.Hour || tiles.Work <= 0 {
		t.Errorf("%+v", tiles)
	}
}

// TestDeepQueue: more jobs than are counted one by one are estimated, also where those of several queues and states
// take turns in the table.
func TestDeepQueue(t *testing.T) {
	b := setup(t)
	const each = 12_000
	b.exec(`INSERT INTO river_job (kind, args, max_attempts, priority, queue, state, finalized_at)
		SELECT 'none', '{}', 1, 1 + i/3 % 4, CASE i % 3 WHEN 0 THEN 'small' ELSE 'tiles' END,
		       (CASE i % 3 WHEN 2 THEN 'completed' ELSE 'available' END)::river_job_state, CASE i % 3 WHEN 2 THEN now() END
		FROM generate_series(1, $1) AS i`, 3*each)
	seen, ok := b.lead(prometheus.NewRegistry()).Queues()
	if !ok || len(seen.Queues) != 2 {
		t.Fatalf("%t, %+v", ok, seen)
	}
	for _, q := range seen.Queues {
		if !q.Estimated || math.Abs(float64(q.Depth)/each-1) > 0.15 {
			t.Errorf("%d jobs wait, seen are %+v", each, q)
		}
	}
	b.exec("UPDATE river_job SET state = 'completed', finalized_at = now() WHERE queue = 'small' AND state = 'available' AND id > 30")
	seen, _ = b.lead(prometheus.NewRegistry()).Queues()
	if small := seen.Queues[0]; small.Estimated || small.Depth != 10 {
		t.Errorf("few jobs are counted: %+v", small)
	}
}

// TestWorkLeft: what waits is taken to cost what the same amount of arithmetic has cost lately.
func TestWorkLeft(t *testing.T) {
	b := setup(t)
	worker := b.client(jobs.Config{Work: true})
	done := b.submit(worker, fourM, fourK, fourN)
	if err := worker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(done, store.Completed)
	worker.Stop()
	b.exec("UPDATE river_job SET attempted_at = finalized_at - interval '30 seconds'")
	b.submit(worker, fourM, 3*fourK, fourN)
	seen, _ := b.lead(prometheus.NewRegistry()).Queues()
	if got := seen.Queues[1].Work; (got - 4*3*30*time.Second).Abs() > time.Millisecond {
		t.Errorf("four tiles of 30 s, three times over: %s", got)
	}
}

package queue

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/jobs/queue/line"
)

// depths reads the depths of the queues.
func (b *testBundle) depths(c *Client) map[string]Depth {
	b.t.Helper()
	read, err := c.readDepths(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if len(read.Queues) != 2 {
		b.t.Fatalf("got %d queues, want 2: %+v", len(read.Queues), read)
	}
	byName := map[string]Depth{}
	for _, d := range read.Queues {
		byName[d.Queue] = d
	}
	return byName
}

// TestDepth: depth is what waits, runs or is due to be tried again; what is to be tried later is not.
func TestDepth(t *testing.T) {
	b := setup(t)
	c := b.client(Config{}, idle)
	b.enqueue(c, Small, 5, 5, 5)
	b.enqueue(c, Tiles, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET scheduled_at = now() - interval '1 hour' WHERE queue = 'small'")
	b.exec(`UPDATE river_job SET state = 'running', attempted_at = now(), attempted_by = '{other}'
		WHERE queue = 'tiles' AND args->>'tile' = '1'`)
	b.exec(`UPDATE river_job SET state = 'retryable', scheduled_at = now()
		WHERE queue = 'tiles' AND args->>'tile' = '2'`)
	b.exec(`UPDATE river_job SET state = 'retryable', scheduled_at = now() + interval '1 hour'
		WHERE queue = 'tiles' AND args->>'tile' = '3'`)
	registry := prometheus.NewRegistry()
	lead := b.start(Config{Lead: true, Metrics: registry}, idle)
	expectGauges(t, gauges(t, registry), map[string]float64{
		`river_queue_depth{queue="small"}`:                     1,
		`river_queue_depth{queue="tiles"}`:                     3,
		`millrace_queue_jobs{queue="tiles",state="available"}`: 1,
		`millrace_queue_jobs{queue="tiles",state="running"}`:   1,
		`millrace_queue_jobs{queue="tiles",state="retryable"}`: 2,
	})
	read, ok := lead.Depths()
	if !ok || len(read.Queues) != 2 || read.Leases != 1 {
		t.Fatalf("Depths() = %+v, %t, want two queues, one lease, and true", read, ok)
	}
	if d := read.Queues[0]; d.Queue != Small || d.Oldest < time.Hour || d.Oldest > 2*time.Hour || d.Work <= 0 {
		t.Errorf("got %+v, want queue %s, one to two hours, and some work", d, Small)
	}
	if d := read.Queues[1]; d.Queue != Tiles || d.Oldest > time.Hour || d.Work <= 0 {
		t.Errorf("got %+v, want queue %s, at most an hour, and some work", d, Tiles)
	}
}

// TestDepthIsBounded: of each queue and state up to MaxCounted jobs are counted, exactly, also where those of several
// queues and states take turns in the table.
func TestDepthIsBounded(t *testing.T) {
	b := setup(t)
	const few = 12_000
	b.exec(`INSERT INTO river_job (kind, args, max_attempts, priority, queue, state, finalized_at)
		SELECT 'other', '{}', 1, 1 + i/3 % 4, CASE i % 3 WHEN 0 THEN 'small' ELSE 'tiles' END,
		       (CASE i % 3 WHEN 2 THEN 'completed' ELSE 'available' END)::river_job_state,
		       CASE i % 3 WHEN 2 THEN now() END
		FROM generate_series(1, $1) AS i`, 3*few)
	c := b.client(Config{}, idle)
	for name, d := range b.depths(c) {
		if d.Depth != few {
			t.Errorf("queue %s: got depth %d, want %d", name, d.Depth, few)
		}
	}
	const more = MaxCounted - few + 1
	b.exec(`INSERT INTO river_job (kind, args, max_attempts, priority, queue)
		SELECT 'other', '{}', 1, 1 + i % 4, 'tiles' FROM generate_series(1, $1) AS i`, more)
	for name, want := range map[string]int64{Small: few, Tiles: MaxCounted} {
		if d := b.depths(c)[name]; d.Depth != want || d.Jobs["available"] != want {
			t.Errorf("queue %s: got depth %d and %d available jobs, want %d", name, d.Depth, d.Jobs["available"], want)
		}
	}
}

// TestCounts: a job that has failed is retrying, also as available from a later time on.
func TestCounts(t *testing.T) {
	b := setup(t)
	c := b.client(Config{}, idle)
	b.enqueue(c, Small, 5, 5, 5)
	b.enqueue(c, Tiles, fourM, fourK, fourN)
	b.exec(`UPDATE river_job SET state = 'running', attempted_at = now(), attempted_by = '{other}'
		WHERE queue = 'tiles' AND args->>'tile' = '1'`)
	b.exec(`UPDATE river_job SET state = 'retryable', scheduled_at = now() + interval '1 hour'
		WHERE queue = 'tiles' AND args->>'tile' = '2'`)
	b.exec("UPDATE river_job SET scheduled_at = now() + interval '1 hour' WHERE queue = 'tiles' AND args->>'tile' = '3'")
	got, err := c.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Counts{
		{Queue: Small, Waiting: 1},
		{Queue: Tiles, Waiting: 1, Running: 1, Retrying: 2},
	}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("Counts() = %+v, want %+v", got, want)
	}
}

// TestUnqueuedTilesAreDepth: tiles that have no job yet wait, and are work.
func TestUnqueuedTilesAreDepth(t *testing.T) {
	b := setup(t)
	c := b.client(Config{}, idle)
	b.enqueue(c, Tiles, fourM, fourK, fourN)
	before := b.depths(c)[Tiles]
	b.exec("UPDATE multiplications SET tiles_unqueued = 8, tiles_total = 12, n = 3 * n")
	d := b.depths(c)[Tiles]
	if d.Depth != 12 || d.Unqueued != 8 || d.Jobs["available"] != 4 {
		t.Errorf("got depth %d, %d unqueued tiles and the jobs %v, want 12, 8 and 4 available", d.Depth, d.Unqueued, d.Jobs)
	}
	if want := 3 * before.Work; (d.Work - want).Abs() > time.Microsecond {
		t.Errorf("got %s of work, want %s", d.Work, want)
	}
	counts, err := c.Counts(t.Context())
	if err != nil || counts[1].Waiting != 12 {
		t.Errorf("Counts() = %+v, %v, want 12 that wait", counts, err)
	}
	b.exec("UPDATE multiplications SET state = 'cancelled', finished_at = now()")
	if d := b.depths(c)[Tiles]; d.Unqueued != 0 {
		t.Errorf("got %d unqueued tiles of a cancelled multiplication, want 0", d.Unqueued)
	}
}

// TestWork: what waits is taken to cost what the same amount of arithmetic has cost lately.
func TestWork(t *testing.T) {
	b := setup(t)
	c := b.client(Config{}, idle)
	b.enqueue(c, Tiles, fourM, fourK, fourN)
	b.exec(`UPDATE river_job SET state = 'completed', attempt = 1, finalized_at = now(),
		attempted_at = now() - interval '30 seconds', scheduled_at = line_place('1000-01-01', 1)`)
	b.enqueue(c, Tiles, fourM, 3*fourK, fourN)
	const want = 4 * 3 * 30 * time.Second // four tiles of 30 s, three times over
	if got := b.depths(c)[Tiles].Work; (got - want).Abs() > time.Millisecond {
		t.Errorf("got %s of work, want %s", got, want)
	}
}

// TestDeepSmallQueue: how many small multiplications wait is told by their bundles, if they are more than are counted.
func TestDeepSmallQueue(t *testing.T) {
	t.Parallel()
	counted := []db.CountInlineRow{
		{
			State:   db.RiverJobStateAvailable,
			Waiting: MaxCounted - 200,
			Jobs:    499,
		},
		{
			State:   db.RiverJobStateRunning,
			Waiting: 200,
			Jobs:    1,
		},
	}
	if got := line.SmallDepth(MaxCounted, 5000, counted, MaxCounted); got != 10*MaxCounted {
		t.Errorf("5,000 bundles like 500 that have %d multiplications have %d, want ten times as many", MaxCounted, got)
	}
	counted[0].Waiting--
	if got := line.SmallDepth(70, 5000, counted, MaxCounted); got != 70 {
		t.Errorf("where all were counted got %d, want 70", got)
	}
}

package queue

import "testing"

// What bundles of TestSmallBacklog cost.
const (
	bundleSize  = 100
	bundleTime  = 0.1 // of a slot, in seconds
	bundleSlots = 2
)

// TestSmallBacklog: the time after which small multiplications are accepted again, when too many wait, is true within
// 20 %: whatever the workers did before.
func TestSmallBacklog(t *testing.T) {
	for _, before := range []struct {
		name    string
		bundles []float64 // when they ended, in seconds before those that wait
		size    int
		first   float64 // how many seconds are worked before the time is told
	}{
		{
			name:    "busy",
			bundles: steady(60, bundleTime/bundleSlots, 0),
			size:    bundleSize,
		},
		{
			name:    "half an hour of nothing",
			bundles: append(steady(25, bundleTime/bundleSlots, 0), steady(25, bundleTime/bundleSlots, 1800)...),
			size:    bundleSize,
		},
		{
			name:    "one in a while",
			bundles: steady(60, 20, 0),
			size:    1,
			first:   1,
		},
		{
			name:  "new",
			first: 1,
		},
	} {
		t.Run(before.name, func(t *testing.T) {
			b := setup(t)
			c := b.client(Config{}, idle)
			b.exec(`INSERT INTO workers (id, renewed_at, expires_at, tile_slots, small_slots)
				VALUES ('fleet', now(), now() + interval '1 hour', 0, $1)`, bundleSlots)
			if _, err := c.line.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, ended := range before.bundles {
				b.bundle("completed", -ended, before.size)
			}
			const waiting = 100
			for i := range waiting {
				b.bundle("available", float64(i), bundleSize)
			}
			const limit = 1.0
			var promised, told, now float64
			for ; now <= 0.9*waiting*bundleTime/bundleSlots; now += 0.5 {
				c.refreshDepths(t.Context())
				backlog := c.Line().SmallBacklog(0).Seconds()
				if promised == 0 && now >= before.first {
					promised, told = backlog-limit, now
				}
				if promised > 0 && backlog <= limit {
					break
				}
				b.work(now, 0.5)
			}
			if is := now - told; promised < 1 || is > 1.25*promised+0.5 || is < 0.8*promised {
				t.Errorf("told to come again after %.1f s, and accepted after %.1f s, want the same within 20 %%", promised, is)
			}
		})
	}
}

// steady returns the times of bundles that end one after the other.
func steady(n int, gap, last float64) []float64 {
	ends := make([]float64, n)
	for i := range ends {
		ends[i] = last + float64(i)*gap
	}
	return ends
}

// bundle writes the job of a bundle and, if it waits, its multiplications.
func (b *testBundle) bundle(state string, at float64, size int) {
	b.t.Helper()
	b.exec(`WITH job AS (
			INSERT INTO river_job (kind, queue, priority, max_attempts, state, args, attempt, scheduled_at, attempted_at,
			                       finalized_at)
			SELECT 'bundle', 'small', 2, 20, $1::river_job_state, jsonb_build_object('multiplications', $3::int), 1,
			       d.ended, CASE $1 WHEN 'completed' THEN d.ended - make_interval(secs => $4) END,
			       CASE $1 WHEN 'completed' THEN d.ended END
			FROM (SELECT now() - interval '2 hours' + make_interval(secs => $2) AS ended) AS d
			RETURNING id)
		INSERT INTO inline_pending (id, job, priority, m, k, n, a_float32, b_float32, checksum, operands)
		SELECT gen_random_uuid(), job.id, 2, 1, 1, 1, false, false, 0, '' FROM job, generate_series(1, $3)
		WHERE $1 = 'available'`, state, at, size, bundleTime)
}

// work completes the bundles of some seconds.
func (b *testBundle) work(now, seconds float64) {
	b.t.Helper()
	b.exec(`WITH next AS (
			SELECT j.id, row_number() OVER (ORDER BY j.scheduled_at, j.id) - 1 AS number FROM river_job j
			WHERE j.state = 'available' ORDER BY j.scheduled_at, j.id LIMIT $1),
		ended AS (DELETE FROM inline_pending p USING next WHERE p.job = next.id)
		UPDATE river_job j SET state = 'completed', finalized_at = t.start + make_interval(secs => $3),
			attempted_at = t.start
		FROM (SELECT next.id, now() - interval '1 hour' +
		             make_interval(secs => $2 + next.number / $4::int * $3::float8) AS start
		      FROM next) AS t
		WHERE j.id = t.id`, int(seconds/bundleTime*bundleSlots), now, bundleTime, bundleSlots)
}

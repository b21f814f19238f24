package jobs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
)

// series returns the metrics of a registry by name and labels as Prometheus writes them; of a histogram, how many
// observations it has.
func series(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, pair := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// expect compares some series.
func expect(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if g, ok := got[name]; !ok || g != value {
			t.Errorf("%s = %v (exists: %t), want %v", name, g, ok, value)
		}
	}
}

// TestTilesAreCounted: what becomes of tiles and multiplications.
func TestTilesAreCounted(t *testing.T) {
	b := setup(t)
	registry := prometheus.NewRegistry()
	c := b.client(queue.Config{
		Work:    true,
		Lead:    true,
		Lease:   time.Second,
		Tiles:   1,
		Small:   3,
		Metrics: registry,
	})
	small := b.submit(c, 5, 5, 5)
	bad := b.submit(c, fourM, fourK, fourN)
	cancelled := b.submit(c, fourM, fourK, fourN)
	empty := b.submit(c, 0, 5, 5)
	if err := b.cancel(c, cancelled); err != nil {
		t.Fatal(err)
	}
	b.exec("UPDATE river_job SET args = jsonb_set(args, '{tile}', '99') WHERE args->>'multiplication_id' = $1", bad)
	b.kernel.corrupt.Store(1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, state := range map[uuid.UUID]jobs.State{small: jobs.Completed, bad: jobs.Failed, empty: jobs.Completed} {
		b.ends(id, state)
	}
	b.untilJobsEnd(bad)
	c.Stop()
	expect(t, series(t, registry), map[string]float64{
		`millrace_multiplications_submitted_total{queue="small"}`:           2,
		`millrace_multiplications_submitted_total{queue="tiles"}`:           2,
		`millrace_multiplications_total{outcome="completed"}`:               2,
		`millrace_multiplications_total{outcome="failed"}`:                  1,
		`millrace_multiplications_total{outcome="cancelled"}`:               1,
		`millrace_multiplication_duration_seconds{queue="small"}`:           2,
		`millrace_tile_attempts_total{outcome="retried",queue="small"}`:     1,
		`millrace_tile_attempts_total{outcome="completed",queue="small"}`:   1,
		`millrace_tile_attempts_total{outcome="failed",queue="tiles"}`:      1,
		`millrace_tile_attempts_total{outcome="interrupted",queue="tiles"}`: 0,
		`millrace_tile_wait_seconds{queue="small"}`:                         2,
		`millrace_tile_duration_seconds{queue="small"}`:                     1,
		`millrace_gemm_flops_total`:                                         2 * 5 * 5 * 5,
		`millrace_worker_slots{queue="small"}`:                              3,
		`millrace_worker_slots{queue="tiles"}`:                              1,
		`millrace_worker_slots_busy{queue="small"}`:                         0,
		`millrace_jobs_rescued_total`:                                       0,
		`millrace_panel_limit_bytes`:                                        0,
	})
}

// TestInterruptionsAreCounted: a tile that is handed back when its worker stops is neither retried nor failed, and its
// slot is busy until then.
func TestInterruptionsAreCounted(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	registry := prometheus.NewRegistry()
	c := b.client(queue.Config{
		Work:     true,
		SoftStop: time.Millisecond,
		Metrics:  registry,
	})
	b.submit(c, 500, 20_000, 500) // many panels: between two of them the engine looks for the order to stop
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.kernel.waitForCalls(t, 1)
	expect(t, series(t, registry), map[string]float64{`millrace_worker_slots_busy{queue="tiles"}`: 1})
	stopped := stop(c)
	time.Sleep(time.Second) // past the soft stop, which gives no signal while the kernel is held up
	release()
	<-stopped
	expect(t, series(t, registry), map[string]float64{
		`millrace_tile_attempts_total{outcome="interrupted",queue="tiles"}`: 1,
		`millrace_tile_attempts_total{outcome="retried",queue="tiles"}`:     0,
		`millrace_worker_slots_busy{queue="tiles"}`:                         0,
	})
}

// TestRescuesAreCounted: jobs taken back from lost workers, and tiles that are not tried any more. Both series are
// there, at zero, before the first of them.
func TestRescuesAreCounted(t *testing.T) {
	b := setup(t)
	registry := prometheus.NewRegistry()
	c := b.client(queue.Config{
		Lead:    true,
		Lease:   time.Second,
		Metrics: registry,
	})
	expect(t, series(t, registry), map[string]float64{
		`millrace_jobs_rescued_total`:      0,
		`millrace_tiles_quarantined_total`: 0,
	})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec(`UPDATE river_job SET state = 'running', attempt = 1,
		metadata = jsonb_build_object('crashes', 2, 'alone', now() - interval '10 minutes'),
		attempted_at = now() - interval '10 minutes', attempted_by = '{dead}' WHERE args->>'tile' = '1'`)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Failed)
	c.Stop()
	expect(t, series(t, registry), map[string]float64{
		`millrace_jobs_rescued_total`:                      1,
		`millrace_tiles_quarantined_total`:                 1,
		`millrace_multiplications_total{outcome="failed"}`: 1,
	})
}

// TestBundlesAreCounted: of a bundle each multiplication counts.
func TestBundlesAreCounted(t *testing.T) {
	b := setup(t)
	registry := prometheus.NewRegistry()
	c := b.client(queue.Config{Work: true, Metrics: registry})
	ids := b.accept(c, b.offer(c, 2, 2, 2, 1), b.offer(c, 2, 2, 2, 2), b.offer(c, 2, 2, 2, 3))
	b.wantCounts(bundles, 1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b.ends(id, jobs.Completed)
	}
	c.Stop()
	expect(t, series(t, registry), map[string]float64{
		`millrace_multiplications_submitted_total{queue="small"}`:         3,
		`millrace_multiplications_total{outcome="completed"}`:             3,
		`millrace_multiplication_duration_seconds{queue="small"}`:         3,
		`millrace_tile_attempts_total{outcome="completed",queue="small"}`: 3,
		`millrace_gemm_flops_total`:                                       3 * 2 * 2 * 2 * 2,
	})
}

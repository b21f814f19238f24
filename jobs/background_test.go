package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/quota"
)

// TestBackgroundTells: what runs in the background tells what has failed, with a line each, and nothing when nothing
// has, or when it was told to stop.
func TestBackgroundTells(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	starved := b.submit(c, ofShape(100, 1e9, 100)).ID // 764 parts, of which 500 have jobs at first
	broken := errors.New("broken")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	rescued := func(job queue.Rescued, err error) func(context.Context) {
		return func(ctx context.Context) { c.rescued(ctx, []queue.Rescued{job}, err) }
	}
	quarantined := func(id string) queue.Rescued { return queue.Rescued{Quarantined: true, GroupID: id} }
	tile := queue.Rescued{Kind: TileArgs{}.Kind(), GroupID: starved.String()}
	for name, test := range map[string]struct {
		do     func(context.Context)
		broken string // the table without which it fails
		want   string
	}{
		"feeding":             {c.feed, "job_batches", "enqueueing tiles 500 to 763"},
		"looking for starved": {c.feed, "multiplications", "enqueueing the next tiles"},
		"reconciling":         {c.reconcileJustNow, "river_job", "reconciling multiplications"},
		"rescuing":            {c.rescue, "workers", "rescuing the jobs"},
		"a bundle": {
			rescued(queue.Rescued{Kind: queue.InlineKind}, nil), "inline_pending", "rescuing the jobs",
		},
		"an error of rescuing":   {rescued(tile, broken), "", "rescuing the jobs"},
		"a tile that is unknown": {rescued(quarantined("unknown"), nil), "", "rescuing the jobs"},
		"one that was deleted":   {rescued(quarantined(store.NewID().String()), nil), "", "rescuing the jobs"},
	} {
		tell := func(ctx context.Context) string {
			var lines bytes.Buffer
			c.log = slog.New(slog.NewTextHandler(&lines, nil))
			test.do(ctx)
			c.log = slog.New(slog.DiscardHandler)
			return lines.String()
		}
		if test.broken != "" {
			if got := tell(t.Context()); got != "" {
				t.Errorf("%s that succeeds tells %s", name, got)
			}
			b.exec("UPDATE multiplications SET tiles_completed = 0, tiles_unqueued = 264")
			b.exec("ALTER TABLE " + test.broken + " RENAME TO elsewhere")
		}
		if got := tell(ended); got != "" {
			t.Errorf("%s that was told to stop tells %s", name, got)
		}
		got := tell(t.Context())
		if strings.Count(got, "\n") != 1 || !strings.Contains(got, test.want) || !strings.Contains(got, "WARN") {
			t.Errorf("%s that fails tells %q, want one warning: %s", name, got, test.want)
		}
		if test.broken != "" {
			b.exec("ALTER TABLE elsewhere RENAME TO " + test.broken)
		}
	}
}

// TestSweepGoesOn: a part of a sweep that fails is an error, and the others are done; each statement may take its time.
func TestSweepGoesOn(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	pool, err := database.Open(t.Context(), database.Config{URL: testdb.URL(b.store.Pool), Conns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	contents, err := blocks.Open("postgres", pool)
	if err != nil {
		t.Fatal(err)
	}
	c := b.client(store.Open(pool, contents, time.Hour))
	c.SetLimits(Limits{Quotas: quota.Limits{Requests: 1}})
	c.quotas.Keep(t.Context())
	ctx := database.WithBounds(t.Context(), database.Bounds{Acquire: time.Minute, Statement: time.Nanosecond})
	sweep := func(orphans bool) error {
		return (&sweepWorker{client: c}).Work(ctx, &river.Job[SweepArgs]{Args: SweepArgs{Orphans: orphans}})
	}
	const expired = "SELECT count(*) FROM idempotency_keys"
	for _, test := range []struct {
		broken, want string
		orphans      bool
	}{
		{"river_job", "reconciling multiplications", false},
		{"uploads", "deleting expired uploads", false},
		{"object_uploads", "object_uploads", false},
		{"webhook_deliveries", "deleting expired deliveries", false},
		{"tenants", "counting what tenants have stored", false},
		{"blocks", "looking for orphaned blocks", true},
	} {
		b.exec(`INSERT INTO idempotency_keys (key, fingerprint, status, location, body, expires_at)
			VALUES ('old', $1, 202, '', '', now())`, make([]byte, 32))
		b.exec("ALTER TABLE " + test.broken + " RENAME TO elsewhere")
		if err := sweep(test.orphans); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("without %s: Work() = %v, want %q", test.broken, err, test.want)
		}
		b.exec("ALTER TABLE elsewhere RENAME TO " + test.broken)
		var n int
		if err := pool.QueryRow(t.Context(), expired).Scan(&n); err != nil || n != 0 {
			t.Errorf("without %s: %d expired keys are left, %v, want none", test.broken, n, err)
		}
		if err := sweep(test.orphans); err != nil {
			t.Errorf("with %s: Work() = %v, want nil", test.broken, err)
		}
	}
}

// TestSweepLooksBack: each sweep reconciles what was stopped lately, and one that looks for orphans, too, whatever was.
func TestSweepLooksBack(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	for age, want := range map[string]map[bool]State{
		"30 minutes": {false: Failed, true: Failed},
		"2 hours":    {false: Pending, true: Failed},
	} {
		for orphans, state := range want {
			m := b.submit(c, ofShape(2600, 2, 2100))
			b.exec(`UPDATE river_job SET state = 'discarded', finalized_at = now() - $1::text::interval
				WHERE args->>'multiplication_id' = $2 AND args->>'tile' = '1'`, age, m.ID.String())
			job := &river.Job[SweepArgs]{Args: SweepArgs{Orphans: orphans}}
			if err := (&sweepWorker{client: c}).Work(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Get(t.Context(), identity.DefaultTenant, m.ID); err != nil || got.State != state {
				t.Errorf("stopped for %s, swept with orphans %t: it is %s, %v, want %s", age, orphans, got.State, err, state)
			}
		}
	}
}

// TestEndsThatAreNotLogged: a multiplication that is active again has not ended; of a bundle only those have lines
// that were completed with it, at level debug if they are several.
func TestEndsThatAreNotLogged(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	var lines bytes.Buffer
	pending := b.submit(c, ofShape(2, 2, 2))
	i := inline.Multiplication{
		ID:       store.NewID(),
		TenantID: identity.DefaultTenant,
		M:        1,
		K:        1,
		N:        1,
		A:        matrix.Float64,
		B:        matrix.Float64,
	}
	job := &rivertype.JobRow{Kind: queue.InlineKind}
	w := &inlineWorker{client: c}
	bundle := func(computed, completed int) func() {
		return func() { w.logBundle(t.Context(), job, slices.Repeat([]inline.Multiplication{i}, computed), completed) }
	}
	for name, test := range map[string]struct {
		level          slog.Level
		log            func()
		bundles, lines int
	}{
		"active":               {slog.LevelDebug, func() { c.logEnd(t.Context(), pending) }, 0, 0},
		"one":                  {slog.LevelInfo, bundle(1, 1), 0, 1},
		"one that was not":     {slog.LevelDebug, bundle(1, 0), 0, 0},
		"two":                  {slog.LevelInfo, bundle(2, 2), 1, 0},
		"two at level debug":   {slog.LevelDebug, bundle(2, 2), 1, 2},
		"two but one that was": {slog.LevelDebug, bundle(2, 1), 1, 0},
	} {
		lines.Reset()
		c.log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: test.level}))
		test.log()
		ends, bundles := strings.Count(lines.String(), "multiplication ended"), strings.Count(lines.String(), "bundle ended")
		if ends != test.lines || bundles != test.bundles {
			t.Errorf("%s: %d lines and %d of bundles, want %d and %d", name, ends, bundles, test.lines, test.bundles)
		}
	}
}

package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/inline"
)

// outcome says what River makes of what an attempt returns.
func outcome(err error) string {
	switch {
	case err == nil:
		return "completed"
	case errors.As(err, new(*rivertype.JobCancelError)):
		return "cancelled"
	case errors.As(err, new(*rivertype.JobSnoozeError)):
		return "put off"
	}
	return err.Error()
}

// failedJob returns a multiplication that has failed, and a job of it that a person has retried.
func (b *transitionBundle) failedJob(c *Client) (Multiplication, *river.Job[TileArgs]) {
	b.t.Helper()
	m := b.submit(c, ofShape(2600, 2, 2100))
	if err := c.fail(b.t.Context(), ending{id: m.ID, reason: "a reason"}); err != nil {
		b.t.Fatal(err)
	}
	return m, b.begun(m.ID)
}

// TestResuming: a job that was retried by hand resumes its multiplication, which is logged, unless that is not there,
// or has an outcome for good, or other tiles are about to stop.
func TestResuming(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	w := &tileWorker{client: c}
	const resumed = "a retried job resumes its multiplication"
	for name, test := range map[string]struct {
		sql   string // $1 is the multiplication
		want  string
		lines int
		state State
	}{
		"wanted": {"SELECT $1::uuid", "completed", 1, InProgress},
		"active": {
			"UPDATE multiplications SET state = 'pending', failure = NULL, finished_at = NULL WHERE id = $1",
			"completed", 0, Pending,
		},
		"completed": {
			"UPDATE multiplications SET state = 'completed', failure = NULL, tiles_completed = tiles_total WHERE id = $1",
			"cancelled", 0, Completed,
		},
		"told to stop": {
			`UPDATE river_job SET metadata = metadata || '{"cancel_attempted_at": "2000-01-01T00:00:00Z"}'
				WHERE args->>'multiplication_id' = $1::uuid::text`,
			"cancelled", 0, Failed,
		},
		"others stop": {
			`UPDATE river_job SET state = 'running', finalized_at = NULL, attempted_at = now(),
				metadata = metadata || '{"cancel_attempted_at": "2000-01-01T00:00:00Z"}'
				WHERE args->>'multiplication_id' = $1::uuid::text AND args->>'tile' = '1'`,
			"put off", 0, Failed,
		},
		"cannot be read": {"ALTER TABLE river_job RENAME TO elsewhere", "resuming multiplication", 0, Failed},
	} {
		var lines bytes.Buffer
		m, job := b.failedJob(c)
		b.exec("UPDATE multiplications SET started_at = now() WHERE id = $1", m.ID)
		if strings.Contains(test.sql, "$1") {
			b.exec(test.sql, m.ID)
		} else {
			b.exec(test.sql)
		}
		c.log = slog.New(slog.NewTextHandler(&lines, nil))
		err := w.resume(t.Context(), job.JobRow, m.ID)
		c.log = slog.New(slog.DiscardHandler)
		b.exec("ALTER TABLE IF EXISTS elsewhere RENAME TO river_job")
		got, readErr := c.Get(t.Context(), identity.DefaultTenant, m.ID)
		if readErr != nil || got.State != test.state || !strings.Contains(outcome(err), test.want) {
			t.Errorf("%s: the attempt is %s, the multiplication %s, %v, want %s and %s", name, outcome(err), got.State, readErr,
				test.want, test.state)
		}
		if n := strings.Count(lines.String(), resumed); n != test.lines {
			t.Errorf("%s: %d lines about it, want %d: %s", name, n, test.lines, lines.String())
		}
	}
	job := &rivertype.JobRow{AttemptedAt: new(time.Now())}
	if got := outcome(w.resume(t.Context(), job, store.NewID())); got != "cancelled" {
		t.Errorf("of one that was deleted meanwhile: %s, want cancelled", got)
	}
}

// TestLoading: a tile whose multiplication was deleted is cancelled; one whose multiplication cannot be read, or
// resumed, is tried again.
func TestLoading(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	w := &tileWorker{client: c}
	job := &river.Job[TileArgs]{JobRow: &rivertype.JobRow{}, Args: TileArgs{MultiplicationID: store.NewID()}}
	if got := outcome(w.work(t.Context(), job)); got != "cancelled" {
		t.Errorf("of one that was deleted: %s, want cancelled", got)
	}
	_, failed := b.failedJob(c)
	b.exec("ALTER TABLE river_job RENAME TO elsewhere")
	if got := outcome(w.work(t.Context(), failed)); !strings.Contains(got, "resuming multiplication") {
		t.Errorf("of one that cannot be resumed: %s, want an error", got)
	}
	b.exec("ALTER TABLE matrices RENAME TO elsewhere_too")
	if got := outcome(w.work(t.Context(), failed)); !strings.Contains(got, "reading multiplication") {
		t.Errorf("of one that cannot be read: %s, want an error", got)
	}
}

// TestStarting: a tile makes its multiplication one in progress, but a small one is completed without that.
func TestStarting(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	w := &tileWorker{client: c}
	for name, want := range map[string]State{queue.Tiles: InProgress, queue.Small: Pending} {
		m := b.submit(c, ofShape(2600, 2, 2100))
		row := store.Multiplication{ID: m.ID, State: string(Pending)}
		if err := w.start(t.Context(), &river.Job[TileArgs]{JobRow: &rivertype.JobRow{Queue: name}}, row); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(t.Context(), identity.DefaultTenant, m.ID); err != nil || got.State != want {
			t.Errorf("in queue %s: it is %s, %v, want %s", name, got.State, err, want)
		}
	}
	job := b.begun(b.submit(c, ofShape(2600, 2, 2100)).ID)
	b.exec("ALTER TABLE multiplications ADD CONSTRAINT none_starts CHECK (state <> 'in_progress') NOT VALID")
	if got := outcome(w.work(t.Context(), job)); !strings.Contains(got, "starting multiplication") {
		t.Errorf("of one that cannot be started: %s, want an error", got)
	}
}

// brokenBlocks is a block store that cannot be written.
type brokenBlocks struct{ blocks.Store }

// Put implements blocks.Store.
func (brokenBlocks) Put(context.Context, uuid.UUID, int64, []byte) error { return errors.New("broken") }

// TestFinishing: a tile that cannot be written, or counted, is tried again; it waits for room without that; and one
// that writes an output waits for the others.
func TestFinishing(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	sound := b.client(b.store)
	c := b.client(store.Open(b.store.Pool, brokenBlocks{b.store.Blocks}, time.Hour))
	w := &tileWorker{client: c, engine: tile.NewEngine(blas.Builtin())}
	finish := func(m, n int64, code string) string {
		t.Helper()
		id := b.submit(sound, ofShape(m, 2, n)).ID
		job := b.begun(id)
		b.exec(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN RAISE 'refused' USING ERRCODE = '` + code + `'; END $$`)
		b.exec(`CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE OF tiles_completed ON multiplications
			FOR EACH ROW EXECUTE FUNCTION refuse()`)
		got := outcome(w.work(t.Context(), job))
		b.exec("DROP TRIGGER refuse ON multiplications")
		return got
	}
	if got := finish(1000, 1000, "53100"); !strings.Contains(got, "storing tile 0") {
		t.Errorf("when blocks cannot be written: %s, want an error", got)
	}
	if got := finish(50, 60, "53100"); got != "put off" {
		t.Errorf("when the database is full: %s, want it put off", got)
	}
	if got := finish(50, 60, "P0001"); !strings.Contains(got, "completing tile 0") {
		t.Errorf("when the database refuses: %s, want an error", got)
	}
	waits := store.MultiplicationWithMatrices{Multiplication: store.Multiplication{TilesTotal: 5, TilesCompleted: 3}}
	if got := outcome(w.output(t.Context(), &river.Job[TileArgs]{JobRow: &rivertype.JobRow{}}, waits)); got != "put off" {
		t.Errorf("when another tile is missing: %s, want it put off", got)
	}
}

// interruptedKernel computes wrong results, and has its attempt end.
type interruptedKernel struct {
	wrongKernel
	cancel func()
}

// Dgemm implements blas.Kernel.
func (k interruptedKernel) Dgemm(
	m, n, l int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, accumulate bool,
) {
	k.cancel()
	k.wrongKernel.Dgemm(m, n, l, a, lda, b, ldb, c, ldc, accumulate)
}

// bundleJob returns the only bundle there is, as a worker gets it.
func (b *transitionBundle) bundleJob(i inline.Multiplication) *river.Job[InlineArgs] {
	b.t.Helper()
	job := &river.Job[InlineArgs]{
		JobRow: &rivertype.JobRow{Kind: queue.InlineKind},
		Args:   InlineArgs{First: i.ID, Last: i.ID},
	}
	const begin = "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() RETURNING id, attempted_at"
	if err := b.store.Pool.QueryRow(b.t.Context(), begin).Scan(&job.ID, &job.AttemptedAt); err != nil {
		b.t.Fatal(err)
	}
	return job
}

// TestBundleInterrupted: a bundle whose attempt is ended says why, and nothing has become of its multiplications; one
// that cannot be completed is an error.
func TestBundleInterrupted(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	i := b.acceptInline(c)
	job := b.bundleJob(i)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	kernel := interruptedKernel{wrongKernel{blas.Builtin()}, func() { cancel(stopped) }}
	w := &inlineWorker{client: c, engine: tile.NewEngine(kernel)}
	if err := w.work(ctx, job); !errors.Is(err, stopped) {
		t.Errorf("work() = %v, want %v", err, stopped)
	}
	if m, err := c.Get(t.Context(), identity.DefaultTenant, i.ID); err != nil || m.State != Pending || m.inline == nil {
		t.Errorf("after that: %+v, %v, want it pending and inline", m, err)
	}
	w.engine = tile.NewEngine(blas.Builtin())
	b.exec("ALTER TABLE inline_completed RENAME TO elsewhere")
	if err := w.work(t.Context(), job); err == nil || !strings.Contains(err.Error(), "completing 1 multiplications") {
		t.Errorf("work() that cannot write = %v, want an error", err)
	}
}

// TestDisturbed: a bundle whose worker has failed, or crashed, before is expanded.
func TestDisturbed(t *testing.T) {
	t.Parallel()
	for want, jobs := range map[bool][]*rivertype.JobRow{
		false: {{}},
		true: {
			{Errors: make([]rivertype.AttemptError, 1)},
			{Metadata: []byte(`{"crashes": 1}`)},
		},
	} {
		for _, job := range jobs {
			if got := disturbed(job); got != want {
				t.Errorf("%+v: disturbed() = %t, want %t", job, got, want)
			}
		}
	}
}

package listen_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/millrace/millrace/internal/devdb"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/jobs/queue/listen"
	"github.com/millrace/millrace/migrations"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const (
	// waitTimeout bounds a wait that should end long before.
	waitTimeout = 30 * time.Second
	// faults is after how many River's own listener would be deaf for more than waitTimeout.
	faults = 8
	// wake is what River's producers expect on channel river_insert.
	wake = `SELECT pg_notify('public.river_insert', '{"queue": "default"}')`
)

// database is a Postgres of its own, behind a wire.
type database struct {
	t      testing.TB
	dir    string
	server *devdb.Server
	wire   *wire.Wire
	pool   *pgxpool.Pool // over the wire
}

func newDatabase(t testing.TB) *database {
	t.Helper()
	d := &database{t: t, dir: t.TempDir()}
	d.start()
	t.Cleanup(d.stop)
	d.wire = wire.New(t, "127.0.0.1:0", d.server.URL())
	pool, err := pgxpool.New(t.Context(), d.wire.URL(d.server.URL()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	d.pool = pool
	if err := migrations.Up(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	return d
}

// start starts Postgres, which takes another port each time.
func (d *database) start() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	server, err := devdb.Start(ctx, devdb.Config{
		Dir:        d.dir,
		NoDownload: true,
		NoFsync:    true,
	})
	if errors.Is(err, devdb.ErrNoPostgres) && os.Getenv("CI") != "true" {
		d.t.Skip(err)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.server = server
	if d.wire != nil {
		d.wire.Lead(server.URL())
	}
}

func (d *database) stop() {
	d.t.Helper()
	if err := d.server.Stop(); err != nil {
		d.t.Error(err)
	}
}

// args is a job that says when it runs.
type args struct{}

// Kind implements river.JobArgs.
func (args) Kind() string { return "say_when" }

// worker is a client of River whose queue learns of jobs by notifications only.
type worker struct {
	d      *database
	client *river.Client[pgx.Tx]
	ran    chan struct{}
}

func (d *database) work(driver riverdriver.Driver[pgx.Tx]) *worker {
	d.t.Helper()
	w := &worker{d: d, ran: make(chan struct{}, 1)}
	all := river.NewWorkers()
	river.AddWorker(all, river.WorkFunc(func(context.Context, *river.Job[args]) error {
		w.ran <- struct{}{}
		return nil
	}))
	client, err := river.NewClient(driver, &river.Config{
		Workers: all,
		Logger:  slog.New(slog.DiscardHandler),
		Queues: map[string]river.QueueConfig{river.QueueDefault: {
			MaxWorkers:        1,
			FetchCooldown:     time.Millisecond,
			FetchPollInterval: time.Hour,
		}},
		FetchCooldown:     time.Millisecond,
		FetchPollInterval: time.Hour,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	w.client = client
	if err := client.Start(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = client.StopAndCancel(context.WithoutCancel(d.t.Context())) })
	return w
}

// hears enqueues a job and notifies until it has run, or for some time. It reports whether it has.
func (w *worker) hears(limit time.Duration) bool {
	w.d.t.Helper()
	timeout := time.After(limit)
	for inserted := false; ; {
		if !inserted {
			_, err := w.client.Insert(w.d.t.Context(), args{}, nil)
			inserted = err == nil
		} else if _, err := w.d.pool.Exec(w.d.t.Context(), wake); err != nil {
			w.d.t.Log("notifying:", err)
		}
		select {
		case <-w.ran:
			return true
		case <-timeout:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestFaults: after each of many faults of its connection, and an outage of Postgres, a worker hears of jobs again.
func TestFaults(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	w := d.work(listen.NewDriver(d.pool, slog.New(slog.NewTextHandler(t.Output(), nil))))
	for i := range faults + 1 {
		if !w.hears(waitTimeout) {
			t.Fatalf("after %d faults the worker is deaf for %s", i, waitTimeout)
		}
		if i == faults/2 {
			d.stop()
			d.start()
			continue
		}
		d.wire.Break()
	}
}

// BenchmarkOutage measures for how long a worker hears of no jobs after an outage of a minute, and after some cut
// connections.
func BenchmarkOutage(b *testing.B) {
	const outage, deafest = time.Minute, 2 * time.Minute
	for _, c := range []struct {
		name   string
		driver func(*pgxpool.Pool) riverdriver.Driver[pgx.Tx]
	}{
		{"river", func(p *pgxpool.Pool) riverdriver.Driver[pgx.Tx] { return riverpgxv5.New(p) }},
		{"millrace", func(p *pgxpool.Pool) riverdriver.Driver[pgx.Tx] {
			return listen.NewDriver(p, slog.New(slog.DiscardHandler))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := newDatabase(b)
			w := d.work(c.driver(d.pool))
			w.hears(waitTimeout)
			for b.Loop() {
				d.stop()
				time.Sleep(outage) // so long is the outage
				d.start()
				began := time.Now()
				w.hears(deafest)
				b.ReportMetric(time.Since(began).Seconds(), "s-after-outage")
				var longest time.Duration
				for range faults - 1 {
					d.wire.Break()
					began = time.Now()
					w.hears(deafest)
					longest = max(longest, time.Since(began))
				}
				b.ReportMetric(longest.Seconds(), "s-after-fault")
			}
		})
	}
}

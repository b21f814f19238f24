package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/devdb"
	"github.com/millrace/millrace/internal/reexec"
)

// subject is a service that is measured: Millrace on a Postgres of its own, or a service that runs already.
type subject struct {
	adapter
	own        *deployment // nil if it runs already
	postmaster int         // process of the own Postgres
}

// deployment is an API and a worker, real processes, and their Postgres.
type deployment struct {
	t        *testing.T
	program  func(args ...string) *exec.Cmd
	database *devdb.Server
	pool     *pgxpool.Pool
	env      []string
	inline   bool // small multiplications are one row
	empty    int64
	worker   *process
}

// process is a running millrace.
type process struct {
	cmd *exec.Cmd
	log *reexec.Log
}

// waitTimeout bounds a wait that should end long before.
const waitTimeout = time.Minute

// until polls for a state of another process, which sends no signal when it is reached.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", waitTimeout, what)
		}
	}
}

var addressPattern = regexp.MustCompile(`msg=serving api=(\S+) ops=`)

// deploy starts Millrace, the program of a file, or the test binary.
func deploy(t *testing.T, name, file string, config devdb.Config, env ...string) *subject {
	t.Helper()
	db, err := devdb.Start(t.Context(), config)
	if errors.Is(err, devdb.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Stop(); err != nil {
			t.Error(err)
		}
	})
	d := &deployment{
		t:        t,
		database: db,
		env:      append([]string{"DATABASE_URL=" + db.LocalURL(), "MILLRACE_BLOCKS=file://" + t.TempDir(), "MILLRACE_REUSE=false"}, env...),
	}
	d.program = func(args ...string) *exec.Cmd {
		if file == "" {
			return reexec.Command(t, d.env, args...)
		}
		cmd := exec.Command(file, args...)
		cmd.Env = append(os.Environ(), d.env...)
		return cmd
	}
	if text, err := d.program("migrate").CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v, %s", err, text)
	}
	s := &subject{adapter: millraceAdapter(name), own: d}
	s.connect(t)
	// One worker that stood still tells little about how fast a million will be computed.
	api := d.start(t, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--max-queued-small=0")
	until(t, "the API serves", func() bool { return strings.Contains(api.log.String(), "msg=serving") })
	s.Base = addressPattern.FindStringSubmatch(api.log.String())[1]
	s.Processes["API"] = []int{api.cmd.Process.Pid}
	s.startWorker(t)
	return s
}

// connect opens the connections of the benchmark to the database, and finds its process.
func (s *subject) connect(t *testing.T) {
	t.Helper()
	d := s.own
	var err error
	if d.pool, err = pgxpool.New(t.Context(), d.database.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.pool.Close)
	var backend int
	sql := "SELECT pg_backend_pid(), to_regclass('inline_pending') IS NOT NULL"
	if err := d.pool.QueryRow(t.Context(), sql).Scan(&backend, &d.inline); err != nil {
		t.Fatal(err)
	}
	if fields := stat(backend); len(fields) > fieldParent {
		s.postmaster, _ = strconv.Atoi(fields[fieldParent]) // 0: the CPU times stay unknown
	}
	d.empty = d.number(t, sizeSQL)
}

// start starts a process, which ends with the test.
func (d *deployment) start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: d.program(args...), log: &reexec.Log{}}
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			text := p.log.String()
			t.Logf("the end of the log of %v:\n%s", args, text[max(0, len(text)-4000):])
		}
	})
	return p
}

// stop ends a process. It may be called twice.
func (p *process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	kill := time.AfterFunc(waitTimeout, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// startWorker starts the worker of an own service.
func (s *subject) startWorker(t *testing.T) {
	t.Helper()
	w := s.own.start(t, "worker", "--ops-addr=127.0.0.1:0")
	until(t, "the worker is ready", func() bool { return strings.Contains(w.log.String(), "msg=ready") })
	s.own.worker = w
	s.Processes["worker"] = []int{w.cmd.Process.Pid}
}

// stopWorker ends the worker of an own service.
func (s *subject) stopWorker() {
	s.own.worker.stop()
	delete(s.Processes, "worker")
}

// number returns the number that a statement selects.
func (d *deployment) number(t *testing.T, sql string, args ...any) (n int64) {
	t.Helper()
	if err := d.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// sizeSQL is the size of all tables and indexes.
const sizeSQL = `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public'`

// finished returns how many multiplications are completed.
func (d *deployment) finished(t *testing.T) int64 {
	sql := "SELECT count(*) FROM multiplications WHERE state = 'completed'"
	if d.inline {
		sql = "SELECT (" + sql + ") + (SELECT count(*) FROM inline_completed)"
	}
	return d.number(t, sql)
}

// finishedWithin returns how many small multiplications were completed in a time.
func (d *deployment) finishedWithin(t *testing.T, from, to time.Time) int {
	t.Helper()
	return int(d.number(t, "SELECT count(*) FROM inline_completed WHERE finished_at >= $1 AND finished_at < $2", from, to))
}

// waits reports whether a small multiplication is not completed.
func (d *deployment) waits(t *testing.T, id uuid.UUID) bool {
	t.Helper()
	return d.number(t, "SELECT count(*) FROM inline_pending WHERE id = $1", id) > 0
}

// completions returns how many were completed by when, in steps of 50 ms since a time.
func (d *deployment) completions(ctx context.Context, since time.Time) ([][2]float64, error) {
	sql := "SELECT finished_at FROM multiplications WHERE state = 'completed' AND finished_at > $1"
	if d.inline {
		sql += " UNION ALL SELECT finished_at FROM inline_completed WHERE finished_at > $1"
	}
	rows, err := d.pool.Query(ctx, `SELECT ceil(extract(epoch FROM finished_at - $1) * 20)::float8 / 20, count(*)::float8
		FROM (`+sql+`) AS f GROUP BY 1 ORDER BY 1`, since)
	if err != nil {
		return nil, err
	}
	course := [][2]float64{{0, 0}}
	var at, count, sum float64
	_, err = pgx.ForEachRow(rows, []any{&at, &count}, func() error {
		sum += count
		course = append(course, [2]float64{at, sum})
		return nil
	})
	return course, err
}

// unfinished reports whether a multiplication waits or is computed. Of the small ones it looks at the last: the first
// ones, which are completed and not vacuumed yet, would have to be passed.
func (d *deployment) unfinished(ctx context.Context) (found bool, err error) {
	sql := "SELECT EXISTS (SELECT FROM multiplications WHERE state IN ('pending', 'in_progress'))"
	if d.inline {
		sql += " OR (SELECT id FROM inline_pending ORDER BY id DESC LIMIT 1) IS NOT NULL"
	}
	return found, d.pool.QueryRow(ctx, sql).Scan(&found)
}

// drainTimeout bounds how long submissions take to complete.
const drainTimeout = 3 * time.Minute

// drain returns when all submissions are completed. It looks at the last ones first, and at the others when these are
// completed: of an own service in the database, of another at a sample.
func (s *subject) drain(ctx context.Context, submitted []submission) error {
	if len(submitted) == 0 {
		return nil
	}
	c, err := dial(s.Base)
	if err != nil {
		return err
	}
	defer c.close()
	for _, last := range slices.Backward(submitted[max(0, len(submitted)-32):]) {
		if err := s.await(c, last.id); err != nil {
			return err
		}
	}
	if s.own == nil {
		for i := 0; i < len(submitted); i += max(1, len(submitted)/200) {
			if err := s.await(c, submitted[i].id); err != nil {
				return err
			}
		}
		return nil
	}
	for deadline := time.Now().Add(drainTimeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		if found, err := s.own.unfinished(ctx); !found || err != nil {
			return err
		}
	}
	return fmt.Errorf("not all are completed after %s", drainTimeout)
}

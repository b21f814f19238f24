package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// recoveries measures, by the clock of the database, how long jobs of lost workers take until they run elsewhere.
type recoveries struct {
	mutex     sync.Mutex
	samples   map[string][]recovery // by the kind of fault
	disturbed int                   // faults of the database so far
	last      time.Time             // when the newest of them began
	looking   sync.WaitGroup
}

type recovery struct {
	took      time.Duration
	freed     time.Duration // after which the job was seen taken from the worker; 0: it ran elsewhere by then
	due       time.Duration // after which it might be fetched again
	since     time.Time
	disturbed bool // a fault of the database came in between, or calm before
}

// calm is how long after a fault of the database workers are known by their sessions again: leaders judge when theirs
// is as old as a lease.
const calm = 12 * time.Second

const (
	runningJobs = "SELECT id, attempted_at, clock_timestamp() FROM river_job " +
		"WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] LIKE '%-' || $1 || '-%'"
	presentJobs = "SELECT id, state::text, attempted_at, scheduled_at, clock_timestamp() FROM river_job WHERE id = ANY($1)"
)

// lost is a job that runs in a worker which does not respond.
type lost struct {
	ID        int64
	Attempted time.Time
	Since     time.Time // when it was looked at

	freed, due time.Duration
}

// runs reports whether a worker has a running job.
func (c *cluster) runs(pid int) bool {
	rows, err := c.jobsOf(c.t.Context(), pid)
	return err == nil && len(rows) > 0
}

// jobsOf returns the running jobs of a worker.
func (c *cluster) jobsOf(ctx context.Context, pid int) ([]lost, error) {
	type running struct {
		ID               int64
		Attempted, Since time.Time
	}
	rows, err := ask[running](ctx, c, runningJobs, fmt.Sprint(pid))
	var jobs []lost
	for _, row := range rows {
		jobs = append(jobs, lost{
			ID:        row.ID,
			Attempted: row.Attempted,
			Since:     row.Since,
		})
	}
	return jobs, err
}

// ask is list for a database that may be unavailable.
func ask[T any](ctx context.Context, c *cluster, sql string, args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// follow looks what becomes of the jobs of a worker that has just been killed or frozen, until none runs in its name.
func (r *recoveries) follow(ctx context.Context, c *cluster, kind string, pid int) {
	jobs, err := c.jobsOf(ctx, pid)
	if err != nil || len(jobs) == 0 {
		return
	}
	r.mutex.Lock()
	before := r.disturbed
	if time.Since(r.last) < calm {
		before = -1
	}
	r.mutex.Unlock()
	r.looking.Go(func() {
		for len(jobs) > 0 && ctx.Err() == nil {
			jobs = r.look(ctx, c, kind, jobs, before)
			pause(ctx, 50*time.Millisecond)
		}
	})
}

// look notes which jobs run elsewhere by now, and returns those that do not.
func (r *recoveries) look(ctx context.Context, c *cluster, kind string, jobs []lost, before int) (rest []lost) {
	var ids []int64
	for _, job := range jobs {
		ids = append(ids, job.ID)
	}
	type present struct {
		ID                   int64
		State                string
		Attempted, Due, Seen time.Time
	}
	rows, err := ask[present](ctx, c, presentJobs, ids)
	if err != nil {
		return jobs
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, job := range jobs {
		i := slices.IndexFunc(rows, func(p present) bool { return p.ID == job.ID })
		switch {
		case i < 0: // expanded, or deleted
		case !rows[i].Attempted.Equal(job.Attempted):
			r.samples[kind] = append(r.samples[kind], recovery{
				took:      rows[i].Attempted.Sub(job.Since),
				freed:     job.freed,
				due:       job.due,
				since:     job.Since,
				disturbed: r.disturbed != before,
			})
		case rows[i].State == "completed" || rows[i].State == "cancelled": // the process was faster
		default:
			if rows[i].State != "running" {
				if job.freed == 0 {
					job.freed = rows[i].Seen.Sub(job.Since)
				}
				job.due = max(0, rows[i].Due.Sub(job.Since)) // places in line may be long ago
			}
			rest = append(rest, job)
		}
	}
	return rest
}

// disturb notes a fault of the database.
func (r *recoveries) disturb() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.disturbed++
	r.last = time.Now()
}

// table returns the recoveries as Markdown.
func (r *recoveries) table() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var b strings.Builder
	b.WriteString("| jobs that ran in a worker when | number | p50 | p99 | longest |\n|---|---|---|---|---|\n")
	for _, kind := range []string{killWorker, freezeWorker} {
		for _, disturbed := range []bool{false, true} {
			var took []time.Duration
			for _, sample := range r.samples[kind] {
				if sample.disturbed == disturbed {
					took = append(took, sample.took)
				}
			}
			if len(took) == 0 {
				continue
			}
			slices.Sort(took)
			name := kind
			if disturbed {
				name += ", and a fault of the database came in between or shortly before"
			}
			at := func(share float64) time.Duration {
				return took[int(share*float64(len(took)-1)+0.5)].Round(10 * time.Millisecond)
			}
			fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", name, len(took), at(0.5), at(0.99), at(1))
		}
	}
	r.tell(&b)
	return b.String()
}

// slow is how long a recovery takes that is told by itself.
const slow = 2 * time.Second

// tell writes what the slow recoveries waited for.
func (r *recoveries) tell(b *strings.Builder) {
	for kind, samples := range r.samples {
		for _, s := range samples {
			if s.took < slow {
				continue
			}
			fmt.Fprintf(b, "at %s %s, its job ran elsewhere after %.1f s: taken from it after %.1f s, due after %.1f s, disturbed %t\n",
				s.since.Format("15:04:05.0"), kind, s.took.Seconds(), s.freed.Seconds(), s.due.Seconds(), s.disturbed)
		}
	}
}

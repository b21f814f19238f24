package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store/database"
)

const (
	// ReadyTimeout is how long /readyz waits for the database before it reports the process as not ready.
	ReadyTimeout = 2 * time.Second
	// readyAge is how old what /readyz says of the database may be.
	readyAge = time.Second
)

// The reasons for which a process is not ready.
var (
	errStarting    = errors.New("the process is starting; it may be waiting for the database, see its log")
	errStopping    = errors.New("the process is stopping")
	errUnavailable = errors.New("the database is unavailable")
	errNoLease     = errors.New("the process has not renewed its lease in time")
)

// readiness knows whether a process can do its work. It looks at the database on a connection of its own: one that is
// busy is not unavailable, and requests need those of the pool.
type readiness struct {
	pool     *pgxpool.Pool // whose settings the connection has
	draining *draining
	started  atomic.Pointer[startedProcess]

	mu   sync.Mutex
	conn *pgx.Conn // nil: none yet, or the last one broke
	at   time.Time // of the last look
	err  error     // what it found
}

// startedProcess is what a process has once it has started.
type startedProcess struct {
	queue *queue.Client
	works bool
}

func newReadiness(pool *pgxpool.Pool, d *draining) *readiness {
	return &readiness{pool: pool, draining: d}
}

// start says that the process has started.
func (r *readiness) start(q *queue.Client, role Role) {
	r.started.Store(&startedProcess{queue: q, works: role.works()})
}

// process returns why the process is not ready, whatever the state of the database.
func (r *readiness) process() error {
	switch {
	case r.draining.begun.Load():
		return errStopping
	case r.started.Load() == nil:
		return errStarting
	}
	return nil
}

// withDatabase returns why a process that has started cannot do its work. However often it is called, it looks at the
// database once in readyAge at most.
func (r *readiness) withDatabase(ctx context.Context) error {
	if p := r.started.Load(); p.works && !p.queue.HasLease() {
		return errNoLease
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at) >= readyAge {
		r.err = r.look(ctx)
		r.at = time.Now()
	}
	return r.err
}

// look looks at the database. A client that leaves does not spoil it for the others.
func (r *readiness) look(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ReadyTimeout)
	defer cancel()
	if r.conn == nil {
		if r.conn, err = database.Connect(ctx, r.pool, "millrace readiness"); err != nil {
			return errUnavailable
		}
	}
	err = database.CheckWritable(ctx, r.conn)
	if err == nil {
		return nil
	}
	_ = r.conn.Close(ctx) // it is broken, or leads to a server that is no primary any more
	r.conn = nil
	if errors.Is(err, database.ErrReadOnly) {
		return err
	}
	return errUnavailable
}

// stop closes the connection.
func (r *readiness) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), ReadyTimeout)
	defer cancel()
	_ = r.conn.Close(ctx) // the process ends
	r.conn = nil
}

package jobs_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

// gate lies between a store and its database, and can be shut, as by a restart of Postgres: connections are lost, and
// new ones end at once.
type gate struct {
	network  string
	database string
	shut     atomic.Bool
	refused  atomic.Int64
	mutex    sync.Mutex
	open     map[net.Conn]bool
	ends     sync.WaitGroup
}

// behindGate returns a gate and a store behind it.
func (b *testBundle) behindGate() (*gate, *store.Store) {
	b.t.Helper()
	config := b.store.Pool.Config()
	g := &gate{open: map[net.Conn]bool{}}
	g.network, g.database = pgconn.NetworkAddress(config.ConnConfig.Host, config.ConnConfig.Port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	g.ends.Go(func() { g.accept(listener) })
	config.ConnConfig.Host = "127.0.0.1"
	config.ConnConfig.Port = uint16(listener.Addr().(*net.TCPAddr).Port)
	config.ConnConfig.Fallbacks = nil
	pool, err := pgxpool.NewWithConfig(b.t.Context(), config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		pool.Close()
		_ = listener.Close()
		g.close()
		g.ends.Wait()
	})
	return g, store.Open(pool, b.store.Blocks, time.Hour)
}

func (g *gate) accept(listener net.Listener) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		if g.shut.Load() {
			g.refused.Add(1)
			_ = from.Close()
			continue
		}
		to, err := net.Dial(g.network, g.database)
		if err != nil {
			_ = from.Close()
			continue
		}
		g.mutex.Lock()
		g.open[from] = true
		g.open[to] = true
		g.mutex.Unlock()
		g.ends.Go(func() { g.pass(from, to) })
		g.ends.Go(func() { g.pass(to, from) })
	}
}

func (g *gate) pass(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_ = from.Close()
	_ = to.Close()
	g.mutex.Lock()
	defer g.mutex.Unlock()
	delete(g.open, from)
}

// close shuts the gate and loses all connections.
func (g *gate) close() {
	g.shut.Store(true)
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for conn := range g.open {
		_ = conn.Close()
	}
}

// refuses waits until more connections have been refused.
func (g *gate) refuses(t *testing.T, more int64) {
	t.Helper()
	timeout := time.After(waitTimeout)
	for before := g.refused.Load(); g.refused.Load() < before+more; {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-timeout:
			t.Fatalf("got %d refused connections, want %d more", g.refused.Load()-before, more)
		}
	}
}

// TestComputedTileSurvivesAnOutage: a tile that is computed while the database is unavailable is stored when it is
// back. It is not computed again, and its attempt has not failed.
func TestComputedTileSurvivesAnOutage(t *testing.T) {
	b := setup(t)
	g, behind := b.behindGate()
	release := b.kernel.block()
	c := b.clientOn(behind, queue.Config{Work: true, Lead: true})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := b.submit(c, 300, 300, 300)
	b.kernel.waitForCalls(t, 1)
	g.close()
	release()
	g.refuses(t, 20)
	g.shut.Store(false)
	m := b.ends(id, jobs.Completed)
	if calls := b.kernel.calls.Load(); calls != 1 || m.Progress.Attempts != 1 || len(m.Errors) != 0 {
		t.Errorf("got %d calls of the kernel, %d attempts and the errors %+v, want 1, 1 and none",
			calls, m.Progress.Attempts, m.Errors)
	}
}

// TestOutageIsNoAttempt: a tile that cannot even begin because the database is unavailable, in its last attempt, is
// tried again.
func TestOutageIsNoAttempt(t *testing.T) {
	b := setup(t)
	g, behind := b.behindGate()
	c := b.clientOn(behind, queue.Config{Work: true, Lead: true})
	id := b.submit(c, 300, 300, 300)
	b.exec("UPDATE river_job SET max_attempts = 1")
	tx, err := b.watch.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "LOCK TABLE matrices IN ACCESS EXCLUSIVE MODE"); err != nil { // the tile waits
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.untilCount(1, "SELECT count(*) FROM river_job WHERE kind = 'multiply_tile' AND state = 'running'")
	b.untilCount(1, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'matrices'::regclass")
	g.close()
	g.refuses(t, 5)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.shut.Store(false)
	if m := b.ends(id, jobs.Completed); m.Progress.Attempts != 1 || len(m.Errors) != 0 {
		t.Errorf("got %d attempts and the errors %+v, want 1 and none", m.Progress.Attempts, m.Errors)
	}
}

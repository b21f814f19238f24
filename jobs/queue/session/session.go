// Package session tells processes that live from those that have ended. Each holds a lock of Postgres on a connection
// of its own: when the process is killed, its connection ends, and the lock with it, at once. A lease tells the rest:
// processes that are frozen, and machines that are lost. The package also stops the attempts that were taken from a
// process that lives all the same.
package session

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store/database"
)

const (
	// Class is the first key of the locks of sessions, "mlrs".
	Class = 0x6d6c7273
	// tries is how many keys are tried: each is random, and another process may have it.
	tries = 10
	// connectLeases is how long a connection may take to be made, in multiples of a lease: it has many round trips.
	connectLeases = 5
	// firstPause and lastPause are the pauses between attempts to connect again.
	firstPause = 50 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// errKeys means that each key was another process's.
var errKeys = errors.New("the lock of the session is held by others")

// Session is a connection of a process's own, on which it renews its lease, and the lock that it holds there. A
// Session is used by one goroutine at a time.
type Session struct {
	pool  *pgxpool.Pool
	lease time.Duration
	conn  *pgx.Conn // nil: none
	key   int32     // of the lock; 0: there is none
	pause time.Duration
}

// New returns a session that has no connection. Its process is the one that works with the pool.
func New(pool *pgxpool.Pool, lease time.Duration) *Session { return &Session{pool: pool, lease: lease} }

// Connect connects, and takes a lock, unless there is a connection. Each connection has a lock of its own: the server
// may not have noticed yet that the one before is lost. It reports whether it has connected.
func (s *Session) Connect(ctx context.Context) (connected bool, err error) {
	if s.conn != nil && !s.conn.IsClosed() {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectLeases*s.lease)
	defer cancel()
	conn, err := database.ConnectWatched(ctx, s.pool, "millrace lease")
	if err != nil {
		return false, err
	}
	key, err := s.lock(ctx, conn)
	if err != nil {
		_ = conn.Close(ctx) // the first error counts
		return false, err
	}
	s.conn = conn
	s.key = key
	s.pause = 0
	return true, nil
}

// lock takes a lock that ends with the connection, and returns its key: 0 where connections are those of a pooler,
// which outlive their clients.
func (s *Session) lock(ctx context.Context, conn *pgx.Conn) (int32, error) {
	if database.Pooled(s.pool) {
		return 0, nil
	}
	for range tries {
		key := randomKey()
		locked, err := db.New(conn).LockSession(ctx, Class, key)
		if err != nil {
			return 0, err
		}
		if locked {
			return key, nil
		}
	}
	return 0, errKeys
}

// randomKey returns a key that is not 0.
func randomKey() int32 {
	var b [4]byte
	for {
		_, _ = rand.Read(b[:])                                        // it never fails
		if key := int32(binary.NativeEndian.Uint32(b[:])); key != 0 { //nolint:gosec // each 32 bits are a key
			return key
		}
	}
}

// Conn returns the connection, nil if there was none yet.
func (s *Session) Conn() *pgx.Conn { return s.conn }

// Key returns the key of the lock, nil if there is none.
func (s *Session) Key() *int32 {
	if s.key == 0 {
		return nil
	}
	key := s.key
	return &key
}

// Await waits until some time or, where there is no connection any more, for a moment. It reports whether the lock is
// held.
func (s *Session) Await(ctx context.Context, until time.Time) (held bool) {
	for s.conn != nil && !s.conn.IsClosed() {
		wait, cancel := context.WithDeadline(ctx, until)
		_, err := s.conn.WaitForNotification(wait) // none comes: it returns when the connection ends
		ended := wait.Err() != nil
		cancel()
		if ended {
			return true
		}
		if err != nil {
			_ = s.conn.Close(ctx)
		}
	}
	timer := time.NewTimer(min(time.Until(until), s.pause))
	defer timer.Stop()
	s.pause = min(max(2*s.pause, firstPause), lastPause)
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return s.key == 0
}

// Close ends the connection.
func (s *Session) Close(ctx context.Context) {
	if s.conn != nil {
		_ = s.conn.Close(ctx)
	}
}

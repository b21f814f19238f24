package database

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pooler says whether one, such as PgBouncer, is between this process and Postgres, and lends connections: to each
// transaction another one, maybe. Sessions do not last there, and with them no lock, no LISTEN and no prepared
// statement that has a name.
type pooler struct {
	turn   chan struct{} // of one that looks; its capacity is 1
	known  atomic.Bool
	pooled atomic.Bool
}

func newPooler() *pooler { return &pooler{turn: make(chan struct{}, 1)} }

// before prepares a connection that is about to be opened. The first one is opened twice.
func (p *pooler) before(ctx context.Context, config *pgx.ConnConfig) error {
	pooled, err := p.look(ctx, config)
	if err != nil {
		return err
	}
	if pooled && config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return nil
}

// look finds out, once: an address leads to a pooler or to Postgres.
func (p *pooler) look(ctx context.Context, config *pgx.ConnConfig) (bool, error) {
	if p.known.Load() {
		return p.pooled.Load(), nil
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if p.known.Load() { // meanwhile
		return p.pooled.Load(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*config.ConnectTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, config.Config.Copy())
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.Exec(ctx, "SELECT pg_backend_pid()").ReadAll()
	if err != nil {
		return false, err
	}
	// What a pooler says of itself at the start of a connection is made up.
	p.pooled.Store(string(results[0].Rows[0][0]) != strconv.FormatUint(uint64(conn.PID()), 10))
	p.known.Store(true)
	return p.pooled.Load(), nil
}

// Pooled reports whether the connections of a pool have been found to be those of a pooler. It is false before the
// first one is opened.
func Pooled(pool *pgxpool.Pool) bool {
	t, ok := pool.Config().ConnConfig.Tracer.(tracer)
	return ok && t.pooler.pooled.Load()
}

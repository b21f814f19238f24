package queue

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/store"
)

// wired returns a store whose connections go over a wire.
func (b *testBundle) wired() (*wire.Wire, *store.Store) {
	b.t.Helper()
	databaseURL := testdb.URL(b.store.Pool)
	w := wire.New(b.t, "127.0.0.1:0", databaseURL)
	pool, err := pgxpool.New(b.t.Context(), w.URL(databaseURL))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return w, store.Open(pool, nil, time.Hour)
}

// untilTrue waits until a query returns true.
func (b *testBundle) untilTrue(what, sql string, args ...any) {
	b.t.Helper()
	timeout := time.After(waitTimeout)
	for !query[bool](b, sql, args...) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-timeout:
			b.t.Fatalf("waiting until %s: not within %s", what, waitTimeout)
		}
	}
}

// clientOf is like client, on another store.
func (b *testBundle) clientOf(s *store.Store, config Config, w work) *Client {
	b.t.Helper()
	other := &testBundle{
		t:     b.t,
		store: s,
		log:   b.log,
	}
	return other.client(config, w)
}

// startOf is like start, on another store.
func (b *testBundle) startOf(s *store.Store, config Config, w work) *Client {
	b.t.Helper()
	c := b.clientOf(s, config, w)
	if err := c.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return c
}

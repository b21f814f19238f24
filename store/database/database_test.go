package database_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// open returns a pool on the database of a connection string.
func open(t *testing.T, c database.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := database.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// setting returns a setting of a session as Postgres shows it.
func setting(t *testing.T, db database.Querier, name string) string {
	t.Helper()
	var value string
	if err := db.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// withParameter returns a connection string with one more parameter.
func withParameter(t *testing.T, databaseURL, name, value string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // as libpq wants it
	return u.String()
}

// TestSurroundingSpace: a connection string is the same with the newline that secrets made from a file end with.
func TestSurroundingSpace(t *testing.T) {
	t.Parallel()
	const plain = "postgres://millrace:x@db.internal/millrace?sslmode=require"
	for _, text := range []string{plain, plain + "\n", " " + plain + "\r\n"} {
		config, err := database.ParseURL(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if c := config.ConnConfig; c.Host != "db.internal" || c.Database != "millrace" || c.TLSConfig == nil {
			t.Errorf("%q is host %q and database %q, want db.internal and millrace, by TLS", text, c.Host, c.Database)
		}
	}
}

// TestSettings: the sessions of a pool, and those beside it, end what a frozen or lost process would hold. What the
// connection string or the database says counts.
func TestSettings(t *testing.T) {
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	pool := open(t, database.Config{URL: databaseURL, Conns: 1})
	sql := "ALTER DATABASE " + pool.Config().ConnConfig.Database + " SET lock_timeout = '3s'"
	if _, err := pool.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	pool.Reset()
	beside, err := database.Connect(t.Context(), pool, "beside")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = beside.Close(context.WithoutCancel(t.Context())) }()
	own := open(t, database.Config{URL: withParameter(t, databaseURL, "statement_timeout", "4s")})
	options := open(t, database.Config{URL: withParameter(t, databaseURL, "options", "-c statement_timeout=5s")})
	migration := open(t, database.Config{URL: databaseURL, Migration: true})
	for _, test := range []struct {
		name string
		db   database.Querier

		setting, want string
	}{
		{"pool", pool, "idle_in_transaction_session_timeout", "15s"},
		{"pool", pool, "statement_timeout", "15min"},
		{"pool", pool, "lock_timeout", "3s"},
		{"pool", pool, "client_connection_check_interval", "10s"},
		{"beside", beside, "idle_in_transaction_session_timeout", "15s"},
		{"beside", beside, "lock_timeout", "3s"},
		{"beside", beside, "application_name", "beside"},
		{"parameter", own, "statement_timeout", "4s"},
		{"parameter", own, "idle_in_transaction_session_timeout", "15s"},
		{"options", options, "statement_timeout", "5s"},
		{"migration", migration, "statement_timeout", "0"},
		{"migration", migration, "client_connection_check_interval", "10s"},
	} {
		if got := setting(t, test.db, test.setting); got != test.want {
			t.Errorf("%s: %s = %q, want %q", test.name, test.setting, got, test.want)
		}
	}
}

// TestTransport: Postgres probes connections over TCP.
func TestTransport(t *testing.T) {
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	w := wire.New(t, "127.0.0.1:0", databaseURL)
	pool := open(t, database.Config{URL: w.URL(databaseURL)})
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	if network, _ := pgconn.NetworkAddress(config.Host, config.Port); network == "unix" {
		t.Skip("this Postgres has no TCP")
	}
	for name, want := range map[string]string{
		"tcp_keepalives_idle":     "15",
		"tcp_keepalives_interval": "5",
		"tcp_keepalives_count":    "3",
		"tcp_user_timeout":        "20000",
	} {
		if got := setting(t, pool, name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// TestAcquireIsBounded: a statement does not wait for ever for a connection of the pool.
func TestAcquireIsBounded(t *testing.T) {
	t.Parallel()
	pool := open(t, database.Config{URL: withParameter(t, testdb.URL(testdb.NewEmpty(t)), "pool_max_conns", "1")})
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	ctx := database.WithBounds(t.Context(), database.Bounds{Acquire: time.Millisecond})
	if err := pool.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) || !store.Unavailable(err) {
		t.Errorf("Ping() on a pool in use = %v, want a deadline, which means unavailable", err)
	}
}

// TestStatementIsBounded: a statement of each kind ends although the server does not respond, and does not take the
// context of the caller with it.
func TestStatementIsBounded(t *testing.T) {
	t.Parallel()
	pool := open(t, database.Config{URL: testdb.URL(testdb.NewEmpty(t)), Conns: 1})
	ctx := database.WithBounds(t.Context(), database.Bounds{Acquire: time.Minute, Statement: 50 * time.Millisecond})
	const sleep = "SELECT pg_sleep(3600)"
	for name, f := range map[string]func() error{
		"exec": func() error { _, err := pool.Exec(ctx, sleep); return err },
		"row":  func() error { var x any; return pool.QueryRow(ctx, sleep).Scan(&x) },
		"batch": func() error {
			var batch pgx.Batch
			batch.Queue(sleep)
			return pool.SendBatch(ctx, &batch).Close()
		},
		"transaction": func() error {
			return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { _, err := tx.Exec(ctx, sleep); return err })
		},
	} {
		if err := f(); !store.Unavailable(err) {
			t.Errorf("%s: %v, want that the database is unavailable", name, err)
		}
	}
	if _, err := pool.Exec(database.Unhurried(ctx), "SELECT pg_sleep(0.1)"); err != nil {
		t.Errorf("an unhurried statement: %v, want nil", err)
	}
}

// TestSilentConnections: idle connections that have fallen silent are found out before they are used again.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	w := wire.New(t, "127.0.0.1:0", databaseURL)
	pool := open(t, database.Config{URL: w.URL(databaseURL), Conns: 2})
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Silence()
	ctx := database.WithBounds(t.Context(), database.Bounds{Acquire: 3 * time.Second, Statement: time.Second})
	if _, err := pool.Exec(ctx, "SELECT 1"); !store.Unavailable(err) {
		t.Errorf("a statement to a silent server: %v, want that it is unavailable", err)
	}
	w.Speak()
	if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("after the silence: %v, want nil", err)
	}
}

// TestFrozenTransaction: a process that does nothing in the middle of a transaction loses its locks.
func TestFrozenTransaction(t *testing.T) {
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	pool := open(t, database.Config{URL: databaseURL, Conns: 2})
	frozen := open(t, database.Config{URL: withParameter(t, databaseURL, "idle_in_transaction_session_timeout", "100ms")})
	tx, err := frozen.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT pg_advisory_xact_lock(1)"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "SELECT pg_advisory_xact_lock(1)"); err != nil {
		t.Errorf("waiting for the lock: %v, want nil", err)
	}
	if err := tx.Commit(t.Context()); !store.Unavailable(err) {
		t.Errorf("Commit() of the frozen process = %v, want that the database is unavailable", err)
	}
}

// TestLockTimeout: waiting for a lock ends, and means that the same may succeed later.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	pool := open(t, database.Config{URL: withParameter(t, testdb.URL(testdb.NewEmpty(t)), "lock_timeout", "50ms")})
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock(1)"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "SELECT pg_advisory_lock(1)"); !store.Unavailable(err) {
		t.Errorf("waiting for a lock: %v, want that the database is unavailable", err)
	}
}

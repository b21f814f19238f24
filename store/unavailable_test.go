package store_test

import (
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
)

// TestConnectionReset: a connection that is reset in the middle of a query, as by a database that crashes, says that
// the database is away.
func TestConnectionReset(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(testdb.URL(testdb.NewEmpty(t)))
	if err != nil {
		t.Fatal(err)
	}
	network, database := pgconn.NetworkAddress(config.Host, config.Port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	accepted := make(chan *net.TCPConn, 1)
	go func() {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial(network, database)
		if err != nil {
			_ = from.Close()
			return
		}
		accepted <- from.(*net.TCPConn)
		go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
		_, _ = io.Copy(from, to)
	}()

	between := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(config.User, config.Password),
		Host:     listener.Addr().String(),
		Path:     config.Database,
		RawQuery: "sslmode=disable",
	}
	conn, err := pgx.Connect(t.Context(), between.String())
	if err != nil {
		t.Fatal(err)
	}
	proxied := <-accepted
	if err := proxied.SetLinger(0); err != nil { // its end is a reset
		t.Fatal(err)
	}
	// The first rows tell that the query runs; then the connection is reset.
	rows, err := conn.Query(t.Context(), "SELECT repeat('x', 100000) FROM generate_series(1, 9) UNION ALL SELECT pg_sleep(3600)::text")
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	_ = proxied.Close()
	for rows.Next() {
	}
	if err := rows.Err(); !store.Unavailable(err) {
		t.Errorf("%v", err)
	}
}

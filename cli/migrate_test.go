package cli_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/testdb"
)

// TestMigrateWaits: migrate --wait waits for a database that is not available yet.
func TestMigrateWaits(t *testing.T) {
	t.Parallel()
	real, err := url.Parse(testdb.URL(testdb.NewEmpty(t)))
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgconn.ParseConfig(real.String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := port.Addr().String()
	_ = port.Close() // until forward listens on it
	late := fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", config.User, config.Password, address, config.Database)

	p := start(t, []string{"DATABASE_URL=" + late}, "migrate", "--wait=1m")
	p.untilLogs("waiting for the database")
	network, database := pgconn.NetworkAddress(config.Host, config.Port)
	forward(t, address, network, database)
	if err := p.wait(); err != nil {
		t.Errorf("migrate ended with %v, want success", err)
	}
}

// forward forwards connections to a target until the end of the test.
func forward(t *testing.T, address, network, target string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial(network, target)
			if err != nil {
				_ = from.Close()
				return
			}
			go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
			go func() { _, _ = io.Copy(from, to); _ = from.Close() }()
		}
	}()
}

package cli_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
)

// TestMigrateWaits: migrate --wait waits for a database that is not available yet.
func TestMigrateWaits(t *testing.T) {
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	late := fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", config.User, config.Password, address, config.Database)
	p := start(t, []string{"DATABASE_URL=" + late}, "migrate", "--wait=1m")
	p.untilLogs("waiting for the database")
	wire.New(t, address, databaseURL)
	if err := p.wait(); err != nil {
		t.Errorf("migrate ended with %v, want success", err)
	}
}

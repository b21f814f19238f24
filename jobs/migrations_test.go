package jobs_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/migrations"
)

// down goes back to a version of the schema.
func (b *testBundle) down(version int64) {
	b.t.Helper()
	db := stdlib.OpenDBFromPool(b.store.Pool)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS("../migrations"))
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := provider.DownTo(b.t.Context(), version); err != nil {
		b.t.Fatal(err)
	}
}

// up goes to the newest version.
func (b *testBundle) up() {
	b.t.Helper()
	if err := migrations.Up(b.t.Context(), b.store.Pool); err != nil {
		b.t.Fatal(err)
	}
}

// text returns the one value of a query, as text.
func (b *testBundle) text(sql string) string {
	b.t.Helper()
	var value string
	sql = "SELECT value::text FROM (" + sql + ") AS x (value)"
	if err := b.store.Pool.QueryRow(b.t.Context(), sql).Scan(&value); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func (b *testBundle) wantText(what, sql, want string) {
	b.t.Helper()
	if got := b.text(sql); got != want {
		b.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// schema describes all tables, indexes, triggers and functions.
const schema = `SELECT string_agg(line, E'\n' ORDER BY line) FROM (
	SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS line
	FROM information_schema.columns WHERE table_schema = 'public'
	UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
	UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
	UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
	UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
	UNION ALL SELECT relname || reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace) x`

// TestDownAndUp: going back behind each of the newest migrations and up again gives the same schema.
func TestDownAndUp(t *testing.T) {
	b := setup(t)
	b.submitMany(b.client(queue.Config{}), many)
	before := b.text(schema)
	for _, version := range []int64{12, 11, 10, 9, 8, 7, 6} {
		b.down(version)
		if b.text(schema) == before {
			t.Errorf("down to %d: the schema is as before, want a difference", version)
		}
		b.up()
		if got := b.text(schema); got != before {
			t.Errorf("down to %d and up: the schema is\n%s\nwant\n%s", version, got, before)
		}
	}
	b.wantText("multiplications", "SELECT count(*) FROM multiplications", "1")
}

// TestDownEnqueuesAll: without batches each tile has its job, in its place in line; up again, no job is lost or made
// twice, and the multiplication is read and cancelled as before.
func TestDownEnqueuesAll(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	id := b.submitMany(c, many)
	const tiles = `SELECT concat_ws(' ', count(*), count(DISTINCT args->>'tile'), count(DISTINCT scheduled_at))
		FROM river_job WHERE kind = 'multiply_tile' AND state = 'available'`
	b.wantText("jobs, tiles, places in line", tiles, "500 500 500")
	b.down(9)
	b.wantText("jobs, tiles, times without batches", tiles, "1700 1700 1")
	b.wantText("jobs in the range of the multiplication", `SELECT count(*) FROM river_job j, multiplications m
		WHERE j.id BETWEEN m.first_job AND m.last_job`, "1700")
	b.up()
	b.wantText("jobs, tiles, times with batches again", tiles, "1700 1700 1")
	if m, err := c.Get(t.Context(), identity.DefaultTenant, id); err != nil || m.TilesTotal != many || m.TilesUnqueued != 0 {
		t.Errorf("Get() = %+v, %v, want %d tiles, all with a job", m, err, many)
	}
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	if n := b.tileJobs("state = 'cancelled'"); n != many {
		t.Errorf("%d cancelled jobs, want %d", n, many)
	}
}

// TestDownLosesNoPlace: a job that pauses while the trigger goes and comes back has its place in line afterwards.
func TestDownLosesNoPlace(t *testing.T) {
	b := setup(t)
	b.submitMany(b.client(queue.Config{}), many)
	b.exec("UPDATE river_job SET state = 'running' WHERE id = (SELECT min(id) FROM river_job)")
	b.exec(`UPDATE river_job SET state = 'retryable', scheduled_at = scheduled_at + interval '1 hour'
		WHERE state = 'running'`)
	b.down(7)
	b.up()
	b.exec("UPDATE river_job SET state = 'available', scheduled_at = now() WHERE state = 'retryable'")
	b.wantText("the jobs are in the order of their ids", `
		SELECT array_agg(id ORDER BY scheduled_at, id) = array_agg(id ORDER BY id)
		FROM river_job WHERE kind = 'multiply_tile'`, "true")
}

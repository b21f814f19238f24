package cli_test

import (
	"syscall"
	"testing"
)

// TestRollback: this version migrates nothing and works on a database that a later version has migrated. Entries in the
// tables of goose and of River stand for the later migrations.
func TestRollback(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	for _, later := range []string{
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)",
		"INSERT INTO river_migration (line, version) VALUES ('main', 99999)",
	} {
		if _, err := d.pool.Exec(t.Context(), later); err != nil {
			t.Fatal(err)
		}
	}
	if _, stderr, code := run(t, d.env, "migrate"); code != 0 {
		t.Fatalf("migrate: code %d, %q, want 0", code, stderr)
	}
	main := d.startAPI()
	worker := d.startWorker()
	d.api.completes(d.api.submit(fewTiles))
	for _, p := range []*process{worker, main} {
		p.exit(syscall.SIGTERM)
	}
}

package failover_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

// value returns the only value of a query.
func value[T any](s *server, sql string) (v T) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), waitTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("millrace"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, sql).Scan(&v); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// TestBaseBackup: a base backup that was taken while the system works, and the log that was archived since, are a backup
// up to the last archived moment. What was completed by then is, what was accepted is there, and the tile that ran is
// computed again.
func TestBaseBackup(t *testing.T) {
	t.Parallel()
	primary := newServer(t)
	archive := filepath.Join(primary.dir, "archive")
	primary.run("mkdir", archive)
	primary.run(filepath.Join(primary.bin, "initdb"), "-D", primary.data, "-U", "millrace", "--auth=trust", "--encoding=UTF8",
		"--locale=C", "--no-sync", "--wal-segsize=1")
	primary.launch("archive_mode=on", "archive_command=cp %p "+archive+"/%f")
	if err := primary.exec("postgres", "CREATE DATABASE millrace"); err != nil {
		t.Fatal(err)
	}
	databaseURL := primary.url("millrace")
	if err := run(t, databaseURL, nil, "migrate").cmd.Wait(); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	api := serve(t, databaseURL)
	work(t, databaseURL)
	before := api.submit(small, "wait=30")

	restored := newServer(t)
	restored.run(filepath.Join(primary.bin, "pg_basebackup"), "-D", restored.data, "-d", primary.url("postgres"),
		"--wal-method=none", "--checkpoint=fast", "--no-sync", "--no-manifest")
	after := api.submit(small, "wait=30")
	running := api.submit(`{"a": {"random": {"rows": 2000, "cols": 4000}}, "b": {"random": {"rows": 4000, "cols": 2000}}}`, "")
	until(t, "the tile is computed", func() bool { return api.get(running.ID).Tiles.Running > 0 })
	last := value[string](primary, "SELECT pg_walfile_name(pg_switch_wal())")
	until(t, "the log is archived", func() bool {
		return value[bool](primary, "SELECT coalesce(last_archived_wal >= '"+last+"', false) FROM pg_stat_archiver")
	})
	primary.kill()

	restored.run("touch", filepath.Join(restored.data, "recovery.signal"))
	restored.launch("restore_command=cp " + archive + "/%f %p")
	until(t, "the recovery has ended", func() bool { return !value[bool](restored, "SELECT pg_is_in_recovery()") })
	const ran = "SELECT count(*) FROM river_job WHERE kind = 'multiply_tile' AND state = 'running'"
	if got := value[int](restored, ran); got != 1 {
		t.Errorf("%d tiles run in the backup, want 1", got)
	}
	api = serve(t, restored.url("millrace"))
	work(t, restored.url("millrace"))
	for _, m := range []multiplication{before, after} {
		if got := api.get(m.ID).State; m.State != "completed" || got != m.State {
			t.Errorf("what was %s is %q in the backup, want completed", m.State, got)
		}
	}
	api.awaitState(running.ID, "completed")
	if got := api.submit(small, "wait=30").State; got != "completed" {
		t.Errorf("a new multiplication is %q, want completed", got)
	}
}

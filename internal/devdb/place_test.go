package devdb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnreachableDirectoryAsRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root lends Postgres to another user")
	}
	dir := filepath.Join(t.TempDir(), "db") // t.TempDir's parent has mode 0700
	first := start(t, Config{Dir: dir})
	t.Cleanup(func() { _ = os.RemoveAll(first.Dir()); _ = os.Remove(systemDir) })
	if filepath.Dir(first.Dir()) != systemDir {
		t.Fatalf("the database is in %s, want it below %s", first.Dir(), systemDir)
	}
	execSQL(t, first.URL(), "CREATE TABLE kept AS SELECT 'yes' AS answer")
	stop(t, first)

	second := start(t, Config{Dir: dir})
	if got := querySQL(t, second.URL(), "SELECT answer FROM kept"); got != "yes" {
		t.Errorf("the second run reads %q", got)
	}
	stop(t, second)

	// Who deletes the directory wants a new database, not the old one back.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	third := start(t, Config{Dir: dir})
	if got := querySQL(t, third.URL(), "SELECT (to_regclass('kept') IS NULL)::text"); got != "true" {
		t.Error("the new directory has the old database")
	}
	aside, err := filepath.Glob(third.Dir() + ".old-*")
	if err != nil {
		t.Error(err)
	}
	for _, dir := range aside {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestDatabasesOfGoneTestsAreSwept(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root lends Postgres to another user")
	}
	gone := filepath.Join(t.TempDir(), "gone")
	first := start(t, Config{Dir: gone})
	stop(t, first)
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	second := start(t, Config{Dir: filepath.Join(t.TempDir(), "other")})
	t.Cleanup(func() { _ = os.RemoveAll(second.Dir()); _ = os.Remove(systemDir) })
	if exists(t, first.Dir()) {
		t.Errorf("%s is still there", first.Dir())
	}
	if err := ping(t.Context(), second.URL()); err != nil {
		t.Error(err)
	}
}

func TestClearErrors(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string)
		want    string
	}{
		{"garbage", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, dataName, "notes.txt"), "mine")
		}, "is not empty and holds no PostgreSQL database"},
		{"strange version", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, dataName, versionFileName), "9.6\n")
		}, "holds no PostgreSQL database that this program can use"},
		{"version that nobody has", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, dataName, versionFileName), "13\n")
			giveAway(t, filepath.Join(dir, dataName))
		}, "no usable PostgreSQL found for a database that PostgreSQL 13 made"},
		{"broken database", func(t *testing.T, dir string) {
			stop(t, start(t, Config{Dir: dir}))
			if err := os.Remove(filepath.Join(dir, dataName, "global", "pg_control")); err != nil {
				t.Fatal(err)
			}
		}, "could not find the database system"},
		{"directory is a file", func(t *testing.T, dir string) {
			writeFile(t, dir, "")
		}, "not a directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(reachableTempDir(t), "db")
			test.prepare(t, dir)
			s, err := Start(t.Context(), Config{Dir: dir, NoFsync: true, NoDownload: true})
			if err == nil {
				stop(t, s)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// giveAway makes a file or directory belong to the user as whom Postgres runs.
func giveAway(t *testing.T, path string) {
	t.Helper()
	acct, err := accountFor(path, false)
	if err == nil {
		err = acct.give(path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// writeFile makes a file and the directories above it.
func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

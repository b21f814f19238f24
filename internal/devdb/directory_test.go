package devdb

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrivateDirectory: when root starts Postgres, that runs as another user, which cannot reach a private directory.
func TestPrivateDirectory(t *testing.T) {
	t.Parallel()
	private := filepath.Join(t.TempDir(), "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(private, "db")
	start(t, Config{Dir: dir})
	if major, err := clusterVersion(filepath.Join(dir, dataName)); err != nil || major == 0 {
		t.Errorf("clusterVersion() = %d, %v, want a database in %s", major, err, dir)
	}
}

// TestMovedDatabase: earlier versions moved the database of root to another directory and left a note.
func TestMovedDatabase(t *testing.T) {
	t.Parallel()
	moved := filepath.Join(t.TempDir(), "moved")
	s := start(t, Config{Dir: moved})
	execSQL(t, s.URL(), "CREATE TABLE kept AS SELECT 'yes' AS value")
	stop(t, s)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, movedName), moved+"\n")
	for range 2 {
		s := start(t, Config{Dir: dir})
		if got := querySQL(t, s.URL(), "SELECT value FROM kept"); got != "yes" {
			t.Errorf("the moved database has %q, want %q", got, "yes")
		}
		stop(t, s)
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
		{"version that is not installed", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, dataName, versionFileName), "13\n")
			giveAway(t, filepath.Join(dir, dataName))
		}, "no usable PostgreSQL found for a database that PostgreSQL 13 made"},
		{"broken database", func(t *testing.T, dir string) {
			stop(t, start(t, Config{Dir: dir}))
			if err := os.Remove(filepath.Join(dir, dataName, "global", "pg_control")); err != nil {
				t.Fatal(err)
			}
		}, "could not find the database system"},
		{"moved database is gone", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, movedName), filepath.Join(dir, "gone"))
		}, "is a link to a directory that does not exist"},
		{"link leads nowhere", func(t *testing.T, dir string) {
			gone := filepath.Join(dir, "gone")
			if err := errors.Join(os.Mkdir(dir, 0o700), os.Symlink(gone, filepath.Join(dir, dataName))); err != nil {
				t.Fatal(err)
			}
		}, "is a link to a directory that does not exist"},
		{"directory is a file", func(t *testing.T, dir string) {
			writeFile(t, dir, "")
		}, "not a directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "db")
			test.prepare(t, dir)
			s, err := Start(t.Context(), Config{
				Dir:        dir,
				NoFsync:    true,
				NoDownload: true,
			})
			if err == nil {
				stop(t, s)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Start() = %v, want an error with %q", err, test.want)
			}
		})
	}
}

// giveAway makes the account that Postgres runs as the owner of a file or directory.
func giveAway(t *testing.T, path string) {
	t.Helper()
	acct, err := newAccount()
	if err == nil {
		err = acct.own(path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// writeFile writes a file and makes the directories above it.
func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestVolatileParent: what need not survive is made where TMPDIR says, and in memory otherwise, if there is some.
func TestVolatileParent(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if got := volatileParent(); got != dir {
		t.Errorf("volatileParent() = %s, want %s of TMPDIR", got, dir)
	}
	t.Setenv("TMPDIR", "")
	if got := volatileParent(); got != "/dev/shm" && got != os.TempDir() {
		t.Errorf("volatileParent() = %s, want memory or %s", got, os.TempDir())
	}
}

// TestDirect: where nothing can be written, nothing can be written directly, and trying leaves no file.
func TestDirect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if direct(filepath.Join(dir, "missing")) {
		t.Error("direct() of a directory that does not exist, want false")
	}
	t.Logf("files in %s can be written directly: %t", dir, direct(dir))
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("direct() left %v, %v, want nothing", left, err)
	}
}

package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
)

// deployOn makes a deployment whose blocks and matrices are in tables on a file system of their own.
func deployOn(t *testing.T, dir string) *deployment {
	t.Helper()
	d := deploy(t)
	d.env = append(d.env[:1], "MILLRACE_BLOCKS=postgres")
	var server int
	if err := d.pool.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&server); err != nil {
		t.Fatal(err)
	}
	location := filepath.Join(dir, "space")
	giveTo(t, server, location)
	space := fmt.Sprintf("small_%d", os.Getpid())
	d.exec(fmt.Sprintf("CREATE TABLESPACE %s LOCATION '%s'", space, location))
	for _, table := range []string{"blocks", "matrices"} {
		d.exec("ALTER TABLE " + table + " SET TABLESPACE " + space)
		d.exec("ALTER TABLE " + table + " SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)")
	}
	return d
}

// giveTo makes a directory that belongs to the user of a process, and that the process can reach.
func giveTo(t *testing.T, pid int, dir string) {
	t.Helper()
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(dir); dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
}

// exec runs a statement.
func (d *deployment) exec(sql string) {
	d.t.Helper()
	if _, err := d.pool.Exec(d.t.Context(), sql); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// TestFullDatabase: a Postgres whose disk is full refuses what needs room, and nothing that was accepted is lost.
func TestFullDatabase(t *testing.T) {
	t.Parallel()
	dir := mountSmall(t)
	d := deployOn(t, dir)
	d.startAPI()
	const needsBlocks = `{"a": {"random": {"rows": 1000, "cols": 9}}, "b": {"random": {"rows": 9, "cols": 1000}}}`
	id := d.api.submit(needsBlocks)
	free := fill(t, dir)
	npy, err := os.ReadFile(writeMatrix(t, 700, 700, matrix.Float64, false))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.post("/v1/matrices", "application/x-npy", npy); got != http.StatusInsufficientStorage {
		t.Errorf("an upload: %d, want 507", got)
	}
	values := strings.TrimSuffix(strings.Repeat("0.123456789,", 8000), ",")
	needsRow := `{"a": {"values": [[` + values + `]]}, "b": {"random": {"rows": 8000, "cols": 1}}}`
	if got := d.post("/v1/multiplications", "application/json", []byte(needsRow)); got != http.StatusInsufficientStorage {
		t.Errorf("a submission whose operand needs a row: %d, want 507", got)
	}
	worker := d.startWorker()
	worker.untilLogs("a tile waits for room")
	if m := d.api.get(id); m.State != client.MultiplicationStatePending && m.State != client.MultiplicationStateInProgress ||
		len(m.Errors) > 0 {
		t.Errorf("the accepted multiplication: %s, %+v, want it to wait", m.State, m.Errors)
	}
	free()
	if m := d.completesNow(id); m.Attempts != 1 {
		t.Errorf("%d attempts, want 1", m.Attempts)
	}
	until(t, "an upload is accepted again", func() bool {
		return d.post("/v1/matrices", "application/x-npy", npy) == http.StatusCreated
	})
}

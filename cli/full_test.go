package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
)

// mountSmall mounts a file system of 48 MiB for the blocks of a deployment, and returns its directory.
func mountSmall(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("a file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("Unmount() = %v, want success", err)
		}
	})
	return dir
}

// fill takes all space of a directory but about one MiB, and returns a function that gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	size := int(stat.Bavail)*int(stat.Bsize) - 1<<20
	if err := os.WriteFile(ballast, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Error(err)
		}
	}
}

// TestFullBlockStore: a full block store refuses what needs it, and nothing that was accepted is lost.
func TestFullBlockStore(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	dir := mountSmall(t)
	d.env = append(d.env[:1], "MILLRACE_BLOCKS=file://"+dir)
	ops := opsOf.FindStringSubmatch(d.startAPI().stderr.String())[1]
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
	until(t, "the API has noticed", func() bool { return freeBytes(t, ops) <= 1<<20 })
	if got := d.post("/v1/multiplications", "application/json", []byte(needsBlocks)); got != http.StatusInsufficientStorage {
		t.Errorf("a submission whose result needs the store: %d, want 507", got)
	}
	worker := d.startWorker()
	d.api.completes(d.api.submit(`{"a": {"values": [[1, 2]]}, "b": {"values": [[3], [4]]}}`))
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

// completesNow waits until a multiplication is completed whose tiles were put off, and ends their pauses meanwhile.
func (d *deployment) completesNow(id string) client.Multiplication {
	d.t.Helper()
	until(d.t, "the tiles that were put off are completed", func() bool {
		d.exec("UPDATE river_job SET scheduled_at = now() WHERE state = 'scheduled'")
		return d.api.get(id).State.Final()
	})
	return d.api.completes(id)
}

// freeBytes returns the free space that a process reports.
func freeBytes(t *testing.T, ops string) float64 {
	t.Helper()
	response, err := http.Get(ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "millrace_block_store_free_bytes "); found {
			free, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return free
		}
	}
	t.Fatal("the metrics have no millrace_block_store_free_bytes")
	return 0
}

// post sends a body and returns the status. One of 507 must come with Retry-After.
func (d *deployment) post(path, kind string, body []byte) int {
	d.t.Helper()
	response, err := http.Post(d.server+path, kind, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusInsufficientStorage && response.Header.Get("Retry-After") == "" {
		d.t.Error("a 507 has no Retry-After")
	}
	return response.StatusCode
}

// TestStopDuringUpload: an API that stops in the middle of an upload leaves nothing of it, and a second signal ends an
// API that waits for one.
func TestStopDuringUpload(t *testing.T) {
	t.Parallel()
	for name, signals := range map[string]int{"one signal": 1, "two signals": 2} {
		d := deploy(t)
		d.env = append(d.env, "MILLRACE_SOFT_STOP=1s")
		if signals == 2 {
			d.env = append(d.env, "MILLRACE_SOFT_STOP=10m")
		}
		p := d.startAPI()
		body, send := io.Pipe()
		go func() {
			response, err := http.Post(d.server+"/v1/matrices", "application/x-npy", body)
			if err == nil {
				_ = response.Body.Close()
			}
		}()
		npy, err := os.ReadFile(writeMatrix(t, 1000, 1000, matrix.Float64, false))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := send.Write(npy[:len(npy)-8]); err != nil {
			t.Fatal(err)
		}
		until(t, "blocks are written", func() bool { return len(d.blockDirs()) == 1 })
		p.signal(syscall.SIGTERM)
		p.untilLogs("msg=stopping")
		ended := make(chan error, 1)
		go func() { ended <- p.wait() }()
		if signals == 2 {
			// A second signal that comes at once may be taken for the first.
			until(t, "it ends", func() bool { return p.cmd.Process.Signal(syscall.SIGTERM) != nil })
		}
		err = <-ended
		_ = send.Close()
		if left := d.blockDirs(); signals == 1 && (err != nil || len(left) > 0) {
			t.Errorf("%s: %v, blocks of %v are left, want success and none", name, err, left)
		}
		if signals == 2 && err == nil {
			t.Errorf("%s: success, want the end by the signal", name)
		}
	}
}

// blockDirs returns the ids that have blocks.
func (d *deployment) blockDirs() (ids []string) {
	d.t.Helper()
	entries, err := os.ReadDir(d.blocksDir())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.Count(entry.Name(), "-") == 4 {
			ids = append(ids, entry.Name())
		}
	}
	return ids
}

// TestForeignBlocks: a process does not start on the blocks of another database, until it has adopted them.
func TestForeignBlocks(t *testing.T) {
	t.Parallel()
	d, other := deploy(t), deploy(t)
	d.startAPI().exit(syscall.SIGTERM)
	other.env = append(other.env[:1], d.env[1])
	for _, role := range []string{"api", "worker"} {
		wantFailure(t, other.env, 1, "millrace adopt", role, "--ops-addr=127.0.0.1:0")
	}
	if stdout, stderr, code := run(t, other.env, "adopt"); code != 0 || !strings.Contains(stdout, "installation") {
		t.Fatalf("adopt: code %d, %q, %q, want 0", code, stdout, stderr)
	}
	other.startAPI().exit(syscall.SIGTERM)
	wantFailure(t, d.env, 1, "millrace adopt", "worker", "--ops-addr=127.0.0.1:0")
}

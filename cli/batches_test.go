package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/millrace/millrace/client"
)

// residentMiB returns a figure of a process in MiB: VmRSS, or VmHWM, its peak.
func (p *process) residentMiB(figure string) int {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Skip(err)
	}
	found := regexp.MustCompile(figure + `:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		p.t.Fatalf("no %s in %q", figure, text)
	}
	kib, err := strconv.Atoi(string(found[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	return kib / 1024
}

// hugeLimits let an API accept what would fit on no disk of a test.
func hugeLimits(env []string) []string {
	return append(env, "MILLRACE_MAX_MATRIX_BYTES=2199023255552", "MILLRACE_MAX_TILES=100000",
		"MILLRACE_MAX_STORED_BYTES=1152921504606846976")
}

// hugeTiles is a multiplication of 48,093 tiles, whose result takes a terabyte.
const hugeTiles = `{"a": {"random": {"rows": 500000, "cols": 1, "dtype": "float32"}},
	"b": {"random": {"rows": 1, "cols": 500000, "seed": 1, "dtype": "float32"}}}`

// TestHugeSubmissionsInBoundedMemory: an API with the memory that Kubernetes gives it accepts huge multiplications at
// once, and lists them meanwhile.
func TestHugeSubmissionsInBoundedMemory(t *testing.T) {
	t.Parallel()
	const (
		submissions = 18
		maxMiB      = 768
	)
	d := deploy(t)
	d.env = append(hugeLimits(d.env), "GOMEMLIMIT=691MiB")
	main := d.startAPI()
	var group sync.WaitGroup
	var ids [submissions]string
	for i := range ids {
		group.Go(func() {
			resp, err := http.Post(d.server+"/v1/multiplications", "application/json", bytes.NewBufferString(hugeTiles))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = resp.Body.Close() }()
			var m client.Multiplication
			if err := json.NewDecoder(resp.Body).Decode(&m); err != nil || resp.StatusCode != http.StatusAccepted {
				t.Errorf("POST: %s, %v, want 202", resp.Status, err)
			}
			ids[i] = m.ID
		})
		group.Go(func() {
			resp, err := http.Get(d.server + "/v1/multiplications?limit=20")
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("GET: %s, want 200", resp.Status)
			}
		})
	}
	group.Wait()
	for _, id := range ids {
		if m := d.api.get(id); m.Tiles.Total != 48_093 {
			t.Errorf("got %d tiles, want 48,093", m.Tiles.Total)
		}
		for _, action := range []string{"cancel", "retry"} {
			resp, err := http.Post(d.server+"/v1/multiplications/"+id+"/"+action, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %s, want 200", action, resp.Status)
			}
		}
	}
	if peak := main.residentMiB("VmHWM"); peak >= maxMiB {
		t.Errorf("the API takes up to %d MiB, want less than %d", peak, maxMiB)
	}
	main.exit(syscall.SIGTERM)
}

// TestKilledBetweenBatches: workers and APIs that are killed while a multiplication has tiles without jobs lose none of
// them, and no tile is counted twice.
func TestKilledBetweenBatches(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.env = append(hugeLimits(d.env), "MILLRACE_LEASE=1s")
	api := d.startAPI()
	const tiles = 2000
	const columns = tiles * 5_242_880
	const body = `{"a": {"random": {"rows": 1, "cols": 1}}, "b": {"random": {"rows": 1, "cols": %d}}}`
	id := d.api.submit(fmt.Sprintf(body, columns))
	// The tiles become small, so that they are cheap.
	for _, sql := range []string{
		"UPDATE multiplications SET n = $1, tile_rows = 1, tile_cols = 1",
		"UPDATE matrices SET cols = $1, block_cols = least(block_cols, 1), block_rows = least(block_rows, 1) WHERE cols > 1",
	} {
		if _, err := d.pool.Exec(t.Context(), sql, tiles); err != nil {
			t.Fatal(err)
		}
	}
	startWorker := func() *process {
		p := start(t, d.env, "worker", "--ops-addr=127.0.0.1:0", "--tiles=4")
		p.untilLogs("msg=ready")
		return p
	}
	worker := startWorker()
	for _, completed := range []int64{100, 700, 1200} {
		until(t, "tiles are completed", func() bool { return d.api.get(id).Tiles.Completed >= completed })
		for _, p := range []*process{worker, api} {
			p.signal(syscall.SIGKILL)
			_ = p.wait()
		}
		api = d.startAPI()
		worker = startWorker()
	}
	m := d.api.completes(id)
	if m.Tiles.Completed != tiles {
		t.Errorf("got %d completed tiles, want %d", m.Tiles.Completed, tiles)
	}
	var jobs, different int64
	if err := d.pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT args->>'tile') FROM river_job
		WHERE kind = 'multiply_tile' AND state = 'completed'`).Scan(&jobs, &different); err != nil {
		t.Fatal(err)
	}
	if jobs != tiles || different != tiles {
		t.Errorf("got %d completed jobs of %d tiles, want %d of %d", jobs, different, tiles, tiles)
	}
	worker.exit(syscall.SIGTERM)
	api.exit(syscall.SIGTERM)
}

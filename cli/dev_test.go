package cli_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// devLine is what `millrace dev --json` prints.
type devLine struct {
	API         string `json:"api"`
	Ops         string `json:"ops"`
	DatabaseURL string `json:"database_url"`
	PID         int    `json:"pid"`
}

// startDev runs `millrace dev` on free ports.
func startDev(t *testing.T, data string, flags ...string) (*process, devLine) {
	t.Helper()
	args := append([]string{"dev", "--json", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--data=" + data}, flags...)
	p := start(t, nil, args...)
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("it printed %q, %v\n%s", line, err, p.stderr)
	}
	var dev devLine
	if err := json.Unmarshal([]byte(line), &dev); err != nil {
		t.Fatalf("it printed %q: %v", line, err)
	}
	return p, dev
}

const twoByTwo = `{"a": {"values": [[1,2],[3,4]]}, "b": {"values": [[5,6],[7,8]]}}`

// TestDev: from nothing to a product, and the data survive a restart.
func TestDev(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p, dev := startDev(t, data)
	if dev.PID != p.cmd.Process.Pid {
		t.Errorf("it says that its pid is %d", dev.PID)
	}
	a := connect(t, dev.API)
	small := a.completes(a.submit(twoByTwo))
	large := a.completes(a.submit(`{"a": {"random": {"rows": 300, "cols": 300}}, "b": {"random": {"rows": 300, "cols": 300, "seed": 7}}}`))
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if answer, err := http.Get(dev.Ops + path); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %v, %v", path, answer, err)
		} else {
			_ = answer.Body.Close()
		}
	}
	p.exit(os.Interrupt)
	expectNoPostgres(t, dev.DatabaseURL)

	p, dev = startDev(t, data)
	a = connect(t, dev.API)
	for _, id := range []string{small.ID, large.ID} {
		if state := a.get(id).State; state != "completed" {
			t.Errorf("after the restart it is %s", state)
		}
	}
	json := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Accept", "application/json")
		return nil
	}
	result, err := a.GetResultWithResponse(t.Context(), small.ID, nil, json)
	if err != nil || result.JSON200 == nil || result.JSON200.Values[1][1] != 50 {
		t.Errorf("result: %v, %+v", err, result)
	}
	p.exit(syscall.SIGTERM)
	expectNoPostgres(t, dev.DatabaseURL)
}

func expectNoPostgres(t *testing.T, url string) {
	t.Helper()
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Error("its Postgres still runs")
	}
}

// TestDevKilled: nothing that was accepted is lost when the process and its Postgres die in the middle of the work.
func TestDevKilled(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p, dev := startDev(t, data, "--lease=1s")
	a := connect(t, dev.API)
	id := a.submit(`{"a": {"random": {"rows": 3000, "cols": 4000}}, "b": {"random": {"rows": 4000, "cols": 3000}}}`)
	until(t, "a tile runs", func() bool { return a.get(id).Tiles.Running > 0 })
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.wait()
	until(t, "its Postgres ends", func() bool {
		conn, err := pgx.Connect(t.Context(), dev.DatabaseURL)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return err != nil
	})

	p, dev = startDev(t, data, "--lease=1s")
	product := connect(t, dev.API).completes(id)
	if product.Tiles.Completed != product.Tiles.Total {
		t.Errorf("%+v", product.Tiles)
	}
	p.exit(os.Interrupt)
}

func TestDevRefuses(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p, dev := startDev(t, data)
	addr := strings.TrimPrefix(dev.API, "http://")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"the same data": {[]string{"--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--data=" + data}, "in use"},
		"the same port": {[]string{"--addr=" + addr, "--ops-addr=127.0.0.1:0", "--data=" + filepath.Join(t.TempDir(), "d")}, "address already in use"},
		"a bad store":   {[]string{"--blocks=s3", "--data=" + filepath.Join(t.TempDir(), "d")}, "block store"},
		"no BLAS there": {[]string{"--blas=/no/such.so", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--data=" + filepath.Join(t.TempDir(), "d")}, "/no/such.so"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := run(t, nil, append([]string{"dev"}, test.args...)...)
			if code != 1 || !strings.Contains(stderr, test.want) {
				t.Errorf("code %d, %s", code, stderr)
			}
		})
	}
	p.exit(os.Interrupt)
}

func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, flags := range [][]string{{"-n", "700"}, {"-n", "300", "--dtype=float32", "--blocks=postgres", "--blas=builtin"}} {
		stdout, stderr, code := run(t, []string{"TMPDIR=" + dir}, append([]string{"demo"}, flags...)...)
		if code != 0 || !strings.Contains(stdout, "C equals A·B") || !strings.Contains(stdout, "GFLOP/s") {
			t.Errorf("%v: code %d\n%s\n%s", flags, code, stdout, stderr)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%v: %v is left, %v", flags, left, err)
		}
	}
}

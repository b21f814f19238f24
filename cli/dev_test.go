package cli_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	Token       string `json:"token"`
	PID         int    `json:"pid"`
}

// startDev runs `millrace dev` on free ports.
func startDev(t *testing.T, data string, flags ...string) (*process, devLine) {
	t.Helper()
	args := append([]string{"dev", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--data=" + data}, flags...)
	if !slices.Contains(flags, "--log-format=json") { // with which the line is JSON, too
		args = append(args, "--json")
	}
	p := start(t, nil, args...)
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("dev printed %q, %v, want a line\n%s", line, err, p.stderr)
	}
	var dev devLine
	if err := json.Unmarshal([]byte(line), &dev); err != nil {
		t.Fatalf("dev printed %q, want JSON: %v", line, err)
	}
	return p, dev
}

const twoByTwo = `{"a": {"values": [[1,2],[3,4]]}, "b": {"values": [[5,6],[7,8]]}}`

// TestDev: dev starts from nothing, and the data survives a restart.
func TestDev(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p, dev := startDev(t, data, "--log-format=json")
	if dev.PID != p.cmd.Process.Pid {
		t.Errorf("pid = %d, want %d", dev.PID, p.cmd.Process.Pid)
	}
	wantNoPassword(t, data, dev.DatabaseURL)
	a := connect(t, dev.API)
	small := a.completes(a.submit(twoByTwo))
	large := a.completes(a.submit(`{"a": {"random": {"rows": 300, "cols": 300}}, "b": {"random": {"rows": 300, "cols": 300, "seed": 7}}}`))
	overview, err := a.GetOverviewWithResponse(t.Context())
	if err != nil || overview.JSON200 == nil || overview.JSON200.Kernel == nil || overview.JSON200.Kernel.Gflops <= 0 {
		t.Errorf("GetOverview() = %q, %v, want a kernel and its rate", overview.Body, err)
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if got := fetch(t, dev.Ops+path).StatusCode; got != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", path, got)
		}
	}
	p.exit(os.Interrupt)
	expectNoPostgres(t, dev.DatabaseURL)

	p, dev = startDev(t, data)
	a = connect(t, dev.API)
	for _, id := range []string{small.ID, large.ID} {
		if state := a.get(id).State; state != "completed" {
			t.Errorf("state of %s after the restart = %s, want completed", id, state)
		}
	}
	json := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Accept", "application/json")
		return nil
	}
	result, err := a.GetResultWithResponse(t.Context(), small.ID, nil, json)
	if err != nil || result.JSON200 == nil || result.JSON200.Values[1][1] != 50 {
		t.Errorf("GetResult() = %+v, %v, want 50 at 1, 1", result, err)
	}
	p.exit(syscall.SIGTERM)
	expectNoPostgres(t, dev.DatabaseURL)
}

// wantNoPassword checks that the printed connection string works and does not contain the password.
func wantNoPassword(t *testing.T, data, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	password := conn.Config().Password
	if password == "" || strings.Contains(url, password) {
		t.Errorf("dev printed %s, want it without the password", url)
	}
	passFile := filepath.Join(data, "postgres", "passfile")
	if info, err := os.Stat(passFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("Stat(%s) = %v, %v, want mode 0600", passFile, info, err)
	}
}

func expectNoPostgres(t *testing.T, url string) {
	t.Helper()
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the Postgres of a stopped dev accepts connections, want none")
	}
}

// TestDevKilled: an accepted multiplication completes although the process and its Postgres were killed while a tile
// ran.
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

	p = start(t, nil, "dev", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--data="+data, "--lease=1s")
	if tiles := connect(t, wantBanner(t, p)).completes(id).Tiles; tiles.Completed != tiles.Total {
		t.Errorf("%d tiles are completed, want %d", tiles.Completed, tiles.Total)
	}
	p.exit(os.Interrupt)
}

// wantBanner checks what dev prints for people: the addresses of its pages, and nothing of its database. It returns the
// address of the API.
func wantBanner(t *testing.T, p *process) (api string) {
	t.Helper()
	var banner strings.Builder
	for !strings.Contains(banner.String(), "Press Ctrl-C") {
		line, err := p.stdout.ReadString('\n')
		if err != nil {
			t.Fatalf("dev printed %q, %v, want its banner\n%s", &banner, err, p.stderr)
		}
		banner.WriteString(line)
	}
	pages := regexp.MustCompile(`(?m)^  (start|docs|jobs|API|metrics) +(http://127\.0\.0\.1:\d+)(/.*)$`)
	found := map[string]string{}
	for _, page := range pages.FindAllStringSubmatch(banner.String(), -1) {
		found[page[1]] = page[3]
		if page[1] == "start" {
			api = page[2]
		}
	}
	want := map[string]string{"start": "/", "docs": "/docs/", "jobs": "/riverui/", "API": "/v1", "metrics": "/metrics"}
	if !maps.Equal(found, want) || strings.Contains(banner.String(), "postgres") {
		t.Errorf("dev printed %q, want %v and nothing of Postgres", &banner, want)
	}
	for _, page := range []string{"start", "docs", "jobs"} {
		if got := fetch(t, api+found[page]).StatusCode; got != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", found[page], got)
		}
	}
	return api
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
		"the same port": {[]string{"--addr=" + addr, "--ops-addr=127.0.0.1:0", "--data=" + filepath.Join(t.TempDir(), "d")}, "choose another address with --addr"},
		"a bad store":   {[]string{"--blocks=s3", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--data=" + filepath.Join(t.TempDir(), "d")}, "block store"},
		"no BLAS there": {[]string{"--blas=/no/such.so", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--data=" + filepath.Join(t.TempDir(), "d")}, "/no/such.so"},
	} {
		t.Run(name, func(t *testing.T) {
			wantFailure(t, nil, 1, test.want, append([]string{"dev"}, test.args...)...)
		})
	}
	p.exit(os.Interrupt)
}

func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, flags := range [][]string{{"-n", "700"}, {"-n", "300", "--dtype=float32", "--blocks=postgres", "--blas=builtin", "--auth"}} {
		stdout, stderr, code := run(t, []string{"TMPDIR=" + dir}, append([]string{"demo"}, flags...)...)
		if code != 0 || !strings.Contains(stdout, "C equals A·B") || !strings.Contains(stdout, "GFLOP/s a core") {
			t.Errorf("demo %v: code %d, want 0 and the figures\n%s\n%s", flags, code, stdout, stderr)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("demo %v has left %v, %v, want nothing", flags, left, err)
		}
	}
}

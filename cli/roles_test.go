package cli_test

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/internal/testdb"
)

// deployment is processes on one database: APIs and workers.
type deployment struct {
	t    *testing.T
	env  []string
	pool *pgxpool.Pool

	server string // address of the API that was started last
	api    api
}

// client returns the environment of client commands for the API.
func (d *deployment) client() []string { return []string{"MILLRACE_SERVER=" + d.server} }

// deploy makes a migrated database, without a process.
func deploy(t *testing.T) *deployment {
	t.Helper()
	pool := testdb.NewEmpty(t)
	d := &deployment{
		t:    t,
		pool: pool,
		env:  []string{"DATABASE_URL=" + testdb.URL(pool), "MILLRACE_BLOCKS=file://" + t.TempDir()},
	}
	for range 2 { // it is safe to run twice
		if _, stderr, code := run(t, d.env, "migrate"); code != 0 {
			t.Fatalf("migrate: code %d, %q, want 0", code, stderr)
		}
	}
	return d
}

var apiAddress = regexp.MustCompile(`msg=serving api=(\S+)`)

// startAPI starts an API and records its address.
func (d *deployment) startAPI() *process {
	d.t.Helper()
	p := start(d.t, d.env, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	p.untilLogs("msg=serving")
	d.server = apiAddress.FindStringSubmatch(p.stderr.String())[1]
	d.api = connect(d.t, d.server)
	return p
}

func (d *deployment) startWorker() *process {
	d.t.Helper()
	p := start(d.t, d.env, "worker", "--ops-addr=127.0.0.1:0", "--tiles=1", "--lease=1s")
	p.untilLogs("msg=ready")
	return p
}

// manyTiles is a multiplication of 20 tiles, each about a tenth of a second. Of float64 its result would take 800 MB on
// the disk of each of the tests that compute it.
const manyTiles = `{"a": {"random": {"rows": 10000, "cols": 300, "dtype": "float32"}},
	"b": {"random": {"rows": 300, "cols": 10000, "seed": 1, "dtype": "float32"}}}`

// fewTiles is a multiplication of four tiles, for tests that only need several.
const fewTiles = `{"a": {"random": {"rows": 5000, "cols": 300, "dtype": "float32"}},
	"b": {"random": {"rows": 300, "cols": 4000, "seed": 1, "dtype": "float32"}}}`

// TestProcessesAgree: a process refuses to start beside one that lives and has another block store or retention, but
// for a retention that one of them says may differ. A lease that differs is a warning.
func TestProcessesAgree(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.env = append(d.env, "MILLRACE_LEASE=1s")
	main := d.startAPI()
	worker := func(env ...string) *process {
		return start(t, append(d.env[:len(d.env):len(d.env)], env...), "worker", "--ops-addr=127.0.0.1:0")
	}
	for _, c := range []struct{ setting, want string }{
		{"MILLRACE_BLOCKS=postgres", "--blocks is postgres, and in 1 running processes, such as api@"},
		{"MILLRACE_RETENTION=72h", "--retention is 72h0m0s, and in 1 running processes, such as api@"},
	} {
		refused := worker(c.setting)
		if err := refused.wait(); err == nil {
			t.Errorf("%s: the worker ended with success, want a failure", c.setting)
		}
		wantTexts(t, refused.stderr.String(), c.want, "all processes must agree")
	}
	same := worker()
	same.untilLogs("msg=ready")
	other := worker("MILLRACE_LEASE=2s")
	other.untilLogs("msg=ready")
	wantTexts(t, other.stderr.String(), `msg="this process is configured differently" setting=lease value=2s others=1s`)
	changed := worker("MILLRACE_RETENTION=72h", "MILLRACE_RETENTION_MAY_DIFFER=true")
	changed.untilLogs("msg=ready")
	wantTexts(t, changed.stderr.String(), "setting=retention value=72h0m0s others=24h0m0s")
	main.exit(syscall.SIGTERM)
	same.exit(syscall.SIGTERM)
	other.exit(syscall.SIGTERM)
	back := d.startAPI() // to the retention before, in the middle of the rollout
	for _, p := range []*process{back, changed} {
		if got := p.stderr.String(); strings.Contains(got, "setting=blocks") {
			t.Errorf("got %q, want no difference of blocks", got)
		}
		p.exit(syscall.SIGTERM)
	}
	var left int
	if err := d.pool.QueryRow(t.Context(), "SELECT count(*) FROM process_settings").Scan(&left); err != nil || left != 0 {
		t.Errorf("settings of processes that have ended = %d, %v, want 0", left, err)
	}
}

// TestWorkersShareAMultiplication: two workers compute the tiles of one multiplication.
func TestWorkersShareAMultiplication(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	workers := []*process{d.startWorker(), d.startWorker()}
	m := d.api.completes(d.api.submit(manyTiles))
	var shared int
	if err := d.pool.QueryRow(t.Context(),
		"SELECT count(DISTINCT attempted_by[1]) FROM river_job WHERE kind = 'multiply_tile'").Scan(&shared); err != nil {
		t.Fatal(err)
	}
	if m.Tiles.Total != 20 || m.Attempts != 20 || shared != 2 {
		t.Errorf("%d tiles, %d attempts, %d workers, want 20, 20, 2", m.Tiles.Total, m.Attempts, shared)
	}
	wantKernels(t, decodeJSON[client.Overview](t, fetchText(t, d.server+"/v1/overview")), int64(len(workers)))
	for _, p := range append(workers, main) {
		p.exit(syscall.SIGTERM)
	}
}

// wantKernels checks that the overview of an API without a worker shows what each worker computes with. On a busy
// machine two may find another kernel fastest.
func wantKernels(t *testing.T, o client.Overview, workers int64) {
	t.Helper()
	var told int64
	for _, k := range o.Kernels {
		told += k.Workers
		if k.Name == "" || k.SlowestGflops <= 0 || k.FastestGflops < k.SlowestGflops {
			t.Errorf("a kernel is %+v, want a name and a rate", k)
		}
	}
	if o.Kernel != nil || told != workers {
		t.Errorf("the overview shows %v, and kernels of %d workers, want none of its own, and those of %d", o.Kernel, told, workers)
	}
}

// TestWorkerKilled: a multiplication completes although a worker was killed, which costs attempts at the running tiles.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := start(t, append(d.env, "MILLRACE_LEASE=1s"), "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	main.untilLogs("msg=serving")
	d.api = connect(t, apiAddress.FindStringSubmatch(main.stderr.String())[1])
	victim := d.startWorker()
	id := d.api.submit(manyTiles)
	until(t, "the worker computes", func() bool { p := d.api.get(id); return p.Tiles.Completed > 0 && p.Tiles.Running > 0 })
	victim.signal(syscall.SIGKILL)
	_ = victim.wait()
	heir := d.startWorker()
	m := d.api.completes(id)
	if m.Tiles.Completed != 20 {
		t.Errorf("%d tiles are completed, want 20", m.Tiles.Completed)
	}
	for _, e := range m.Errors {
		wantTexts(t, e.Message, "while it ran this job (crash ")
	}
	heir.exit(syscall.SIGTERM)
	main.exit(syscall.SIGTERM)
}

// TestWorkerStopped: SIGTERM costs no attempt.
func TestWorkerStopped(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	first := d.startWorker()
	id := d.api.submit(manyTiles)
	until(t, "the worker computes", func() bool { return d.api.get(id).Tiles.Completed > 0 })
	second := d.startWorker()
	first.exit(syscall.SIGTERM)
	if m := d.api.completes(id); m.Attempts != 20 || len(m.Errors) != 0 {
		t.Errorf("%d attempts, errors %+v, want 20 and none", m.Attempts, m.Errors)
	}
	second.exit(os.Interrupt)
	main.exit(os.Interrupt)
}

// TestLastScrape: a worker that is stopped serves its metrics once more, with the tiles that it has handed back.
func TestLastScrape(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	worker := start(t, d.env, "worker", "--ops-addr=127.0.0.1:0", "--tiles=1", "--soft-stop=1ms", "--last-scrape=1h")
	worker.untilLogs("msg=ready")
	ops := opsAddress.FindStringSubmatch(worker.stderr.String())[1]
	d.api.submit(minutesOfWork)
	until(t, "the worker computes", func() bool { return strings.Contains(fetchText(t, ops+"/metrics"), busyTile) })
	worker.signal(syscall.SIGTERM)
	worker.untilLogs("waiting for the last scrape")
	const want = `millrace_tile_attempts_total{outcome="interrupted",queue="tiles"} 1`
	wantTexts(t, fetchText(t, ops+"/metrics"), want)
	if err := worker.wait(); err != nil {
		t.Errorf("the worker ended with %v, want success", err)
	}
	main.exit(syscall.SIGTERM)
}

// busyTile is what a worker reports while it computes one tile.
const busyTile = `millrace_worker_slots_busy{queue="tiles"} 1`

// fetchText returns the body of a response to a GET request.
func fetchText(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAPIRestarted: workers need no API, and a multiplication survives that its API is killed.
func TestAPIRestarted(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	id := d.api.submit(manyTiles)
	main.signal(syscall.SIGKILL)
	_ = main.wait()
	worker := d.startWorker()
	main = d.startAPI()
	d.api.completes(id)
	worker.exit(syscall.SIGTERM)
	main.exit(syscall.SIGTERM)
}

// TestRolesRefuse: a process does not start without what it needs, and says what that is.
func TestRolesRefuse(t *testing.T) {
	t.Parallel()
	empty := "DATABASE_URL=" + testdb.URL(testdb.NewEmpty(t))
	for name, test := range map[string]struct {
		env  []string
		args []string
		code int
		want string
	}{
		"not migrated":     {[]string{empty}, []string{"api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0"}, 1, "millrace migrate"},
		"no database":      {[]string{"DATABASE_URL="}, []string{"worker"}, 1, "DATABASE_URL is empty"},
		"bad database URL": {[]string{"DATABASE_URL=postgres://%"}, []string{"api"}, 1, "DATABASE_URL"},
		"no Postgres":      {[]string{"DATABASE_URL=postgres://127.0.0.1:1/x"}, []string{"migrate"}, 1, "connecting to the database"},
		"bad block store":  {[]string{empty}, []string{"worker", "--blocks=ftp://x"}, 1, "block store"},
		"negative tiles":   {[]string{empty}, []string{"worker", "--tiles=-1"}, 1, "--tiles"},
		"short retention":  {[]string{empty}, []string{"api", "--retention=1s"}, 1, "--retention"},
		"unknown flag":     {nil, []string{"api", "--nope"}, 2, "unknown flag"},
		"unknown command":  {nil, []string{"nope"}, 2, "there is no command nope"},
		"flag before":      {nil, []string{"--server=x", "list"}, 2, "the flags of a command come after it"},
		"not told":         {nil, []string{"api"}, 2, "or in the environment DATABASE_URL"},
		"bad log level":    {nil, []string{"version", "--log-level=loud"}, 2, "log-level"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := run(t, test.env, test.args...)
			if code != test.code || !strings.Contains(stderr, test.want) {
				t.Errorf("code %d, %q, want code %d and %q", code, stderr, test.code, test.want)
			}
			if strings.Contains(stderr, "goroutine ") {
				t.Errorf("got %q, want no panic", stderr)
			}
		})
	}
}

// TestHelpAndVersion: the commands that only print.
func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"dev", "--help"}, {"version"}, {"openapi"}} {
		if stdout, stderr, code := run(t, nil, args...); code != 0 || stdout == "" || stderr != "" {
			t.Errorf("millrace %v: code %d, %q, %q, want code 0 and output", args, code, stdout, stderr)
		}
	}
}

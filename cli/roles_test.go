package cli_test

import (
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
)

// deployment is an API and workers, each a process, on one database.
type deployment struct {
	t    *testing.T
	env  []string
	pool *pgxpool.Pool

	server string // of the API that was started last
	api    api
}

// client is the environment of commands that talk to the API.
func (d *deployment) client() []string { return []string{"MILLRACE_SERVER=" + d.server} }

func deploy(t *testing.T) *deployment {
	t.Helper()
	pool := testdb.NewEmpty(t)
	d := &deployment{t: t, pool: pool, env: []string{"DATABASE_URL=" + testdb.URL(pool), "MILLRACE_BLOCKS=file://" + t.TempDir()}}
	for range 2 { // it is safe to run it twice
		if _, stderr, code := run(t, d.env, "migrate"); code != 0 {
			t.Fatalf("migrate: %s", stderr)
		}
	}
	return d
}

var apiAddress = regexp.MustCompile(`msg=serving api=(\S+)`)

// startAPI starts an API and notes its address.
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

// manyTiles is a product of 20 tiles, each about a tenth of a second.
const manyTiles = `{"a": {"random": {"rows": 10000, "cols": 300}}, "b": {"random": {"rows": 300, "cols": 10000, "seed": 1}}}`

// TestWorkersShareAProduct: two workers compute the tiles of one product.
func TestWorkersShareAProduct(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	workers := []*process{d.startWorker(), d.startWorker()}
	product := d.api.completes(d.api.submit(manyTiles))
	var shared int
	if err := d.pool.QueryRow(t.Context(),
		"SELECT count(DISTINCT attempted_by[1]) FROM river_job WHERE kind = 'multiply_tile'").Scan(&shared); err != nil {
		t.Fatal(err)
	}
	if product.Tiles.Total != 20 || product.Attempts != 20 || shared != 2 {
		t.Errorf("%d workers, %+v", shared, product)
	}
	for _, p := range append(workers, main) {
		p.exit(syscall.SIGTERM)
	}
}

// TestWorkerKilled: SIGKILL costs the tile that was running, not the product.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := start(t, append(d.env, "MILLRACE_LEASE=1s"), "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	main.untilLogs("msg=serving")
	d.api = connect(t, apiAddress.FindStringSubmatch(main.stderr.String())[1])
	victim := d.startWorker()
	id := d.api.submit(manyTiles)
	until(t, "it works", func() bool { p := d.api.get(id); return p.Tiles.Completed > 0 && p.Tiles.Running > 0 })
	victim.signal(syscall.SIGKILL)
	_ = victim.wait()
	heir := d.startWorker()
	product := d.api.completes(id)
	if product.Tiles.Completed != 20 {
		t.Errorf("%+v", product)
	}
	for _, e := range product.Errors {
		if !strings.Contains(e.Message, "stopped renewing its lease") {
			t.Errorf("error %s", e.Message)
		}
	}
	heir.exit(syscall.SIGTERM)
	main.exit(syscall.SIGTERM)
}

// TestWorkerStopped: SIGTERM loses nothing, not even an attempt.
func TestWorkerStopped(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	first := d.startWorker()
	id := d.api.submit(manyTiles)
	until(t, "it works", func() bool { return d.api.get(id).Tiles.Completed > 0 })
	second := d.startWorker()
	first.exit(syscall.SIGTERM)
	product := d.api.completes(id)
	if product.Attempts != 20 || len(product.Errors) != 0 {
		t.Errorf("%+v", product)
	}
	second.exit(os.Interrupt)
	main.exit(os.Interrupt)
}

// TestAPIRestarted: workers go on without an API, and what it accepted is there when it is back.
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
		"nobody there":     {[]string{"DATABASE_URL=postgres://127.0.0.1:1/x"}, []string{"migrate"}, 1, "connecting to the database"},
		"bad block store":  {[]string{empty}, []string{"worker", "--blocks=ftp://x"}, 1, "block store"},
		"negative tiles":   {[]string{empty}, []string{"worker", "--tiles=-1"}, 1, "--tiles"},
		"short retention":  {[]string{empty}, []string{"api", "--retention=1s"}, 1, "--retention"},
		"unknown flag":     {nil, []string{"api", "--nope"}, 2, "unknown flag"},
		"unknown command":  {nil, []string{"nope"}, 2, "unexpected argument"},
		"bad log level":    {nil, []string{"version", "--log-level=loud"}, 2, "log-level"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := run(t, test.env, test.args...)
			if code != test.code || !strings.Contains(stderr, test.want) {
				t.Errorf("code %d, %s", code, stderr)
			}
			if strings.Contains(stderr, "goroutine ") {
				t.Error("it panicked")
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"dev", "--help"}, {"version"}, {"openapi"}} {
		if stdout, stderr, code := run(t, nil, args...); code != 0 || stdout == "" || stderr != "" {
			t.Errorf("%v: code %d, %s", args, code, stderr)
		}
	}
}

package browsertest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testdb"
)

func TestMain(m *testing.M) {
	reexec.Main()
	testdb.Main(m)
}

// testTimeout bounds every wait; a wait that succeeds is far shorter.
const testTimeout = 2 * time.Minute

// until polls for a state that sends no signal.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", testTimeout, what)
		}
	}
}

// deployment is an API on a database of its own and any number of workers, each a process.
type deployment struct {
	t      *testing.T
	pool   *pgxpool.Pool
	blocks string // the directory of the block store
	env    []string
	api    *process
	url    string
}

// deploy starts an API with some flags, and no worker.
func deploy(t *testing.T, flags ...string) *deployment {
	t.Helper()
	d := prepare(t)
	d.serve(flags...)
	return d
}

// prepare is deploy before the API is started.
func prepare(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{
		t:      t,
		pool:   testdb.New(t),
		blocks: t.TempDir(),
	}
	// What is submitted again is to be computed.
	d.env = []string{"DATABASE_URL=" + testdb.URL(d.pool), "MILLRACE_BLOCKS=file://" + d.blocks, "MILLRACE_REUSE=false"}
	return d
}

// serve starts the API.
func (d *deployment) serve(flags ...string) {
	d.t.Helper()
	d.api = d.start(append([]string{"api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0"}, flags...)...)
	d.url = d.api.logged(`msg=serving api=(\S+)`)
}

// work starts a worker.
func (d *deployment) work() *process {
	d.t.Helper()
	p := d.start("worker", "--ops-addr=127.0.0.1:0")
	p.logged("(msg=ready)")
	return p
}

// process is a running millrace.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	log *reexec.Log
}

// start runs a millrace in the background, which is stopped at the end of the test.
func (d *deployment) start(args ...string) *process {
	d.t.Helper()
	p := &process{
		t:   d.t,
		cmd: reexec.Command(d.t, d.env, args...),
		log: &reexec.Log{},
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(p.stop)
	return p
}

// stop sends SIGTERM and waits for a clean end.
func (p *process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%v ended with %v, want no error", p.cmd.Args, err)
	}
	if p.t.Failed() {
		p.t.Logf("the log of %v:\n%s", p.cmd.Args[1:], p.log)
	}
}

// logged waits for a line in the log and returns what its pattern captures.
func (p *process) logged(pattern string) string {
	p.t.Helper()
	var found []string
	until(p.t, "it logs "+pattern, func() bool {
		found = regexp.MustCompile(pattern).FindStringSubmatch(p.log.String())
		return found != nil
	})
	return found[1]
}

// multiplication has the members that these tests read.
type multiplication struct {
	ID     string
	State  string
	Tiles  struct{ Completed int64 }
	Result struct{ Href string }
	Links  struct{ Jobs string }
}

// do sends a request to the API and decodes the JSON of its response.
func (d *deployment) do(method, path, contentType string, body []byte, out any) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		d.t.Fatalf("%s %s: %s, %v: %s", method, path, response.Status, err, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		d.t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
}

func (d *deployment) submit(body string) multiplication {
	d.t.Helper()
	var m multiplication
	d.do(http.MethodPost, "/v1/multiplications", "application/json", []byte(body), &m)
	return m
}

func (d *deployment) get(id string) multiplication {
	d.t.Helper()
	var m multiplication
	d.do(http.MethodGet, "/v1/multiplications/"+id, "", nil, &m)
	return m
}

// reaches waits until a multiplication is in a state.
func (d *deployment) reaches(id, state string) multiplication {
	d.t.Helper()
	var m multiplication
	until(d.t, id+" is "+state, func() bool {
		m = d.get(id)
		return m.State == state
	})
	return m
}

func (d *deployment) exec(sql string, args ...any) int64 {
	d.t.Helper()
	tag, err := d.pool.Exec(d.t.Context(), sql, args...)
	if err != nil {
		d.t.Fatal(err)
	}
	return tag.RowsAffected()
}

// random is the submission of two random n×n matrices.
func random(n string) string {
	const body = `{"a": {"random": {"rows": N, "cols": N}}, "b": {"random": {"rows": N, "cols": N, "seed": 1}}}`
	return strings.ReplaceAll(body, "N", n)
}

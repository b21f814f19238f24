package ledger_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/millrace/millrace/internal/reexec"
)

// deployment is an API and workers on a cluster.
type deployment struct {
	t       *testing.T // the present one
	whole   *testing.T // at whose end the processes end
	cluster *cluster
	blocks  string // directory of the block store
	env     []string
	api     *process
	server  atomic.Pointer[string] // address of the API
	workers []*process
	all     []*process // each has a name of its own in Postgres
}

// process is a running millrace.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *reexec.Log
}

// workerCount is how many workers a deployment has.
const workerCount = 3

// The addresses of a process, in its log.
var (
	addresses  = regexp.MustCompile(`msg=serving api=(\S+) ops=\S+`)
	opsAddress = regexp.MustCompile(`msg=(?:serving api=\S+|ready) ops=(\S+)`)
)

// deploy starts a cluster, an API and workers.
func deploy(t *testing.T) *deployment {
	t.Helper()
	d := prepare(t, "MILLRACE_LEASE="+lease.String())
	d.startAPI("127.0.0.1:0")
	for range workerCount {
		d.startWorker()
	}
	return d
}

// prepare starts a cluster with the schema of Millrace. Settings are of the processes to be started.
func prepare(t *testing.T, settings ...string) *deployment {
	t.Helper()
	d := empty(t, settings...)
	d.migrate("")
	return d
}

// empty starts a cluster without a schema.
func empty(t *testing.T, settings ...string) *deployment {
	t.Helper()
	d := &deployment{
		t:       t,
		whole:   t,
		cluster: startCluster(t),
		blocks:  t.TempDir(),
	}
	d.env = append([]string{"MILLRACE_BLOCKS=file://" + d.blocks}, settings...)
	return d
}

// migrate makes the schema: of a program, or of this version.
func (d *deployment) migrate(program string) {
	d.t.Helper()
	migration := reexec.Command(d.t, append(d.env, "DATABASE_URL="+d.cluster.server.URL()), "migrate")
	if program != "" {
		migration.Path = program
	}
	if text, err := migration.CombinedOutput(); err != nil {
		d.t.Fatalf("migrate: %v, %s", err, text)
	}
}

// startAPI starts an API that serves on an address.
func (d *deployment) startAPI(address string) {
	d.t.Helper()
	d.api = d.start("api", "--addr="+address, "--ops-addr=127.0.0.1:0")
	d.awaitLog(d.api, "msg=serving")
	found := addresses.FindStringSubmatch(d.api.log.String())
	d.server.Store(&found[1])
}

// killAPI kills the API with SIGKILL. Another one is to be started on its address.
func (d *deployment) killAPI() {
	d.t.Helper()
	kill(d.t, d.api.cmd.Process.Pid, syscall.SIGKILL)
	_ = d.api.cmd.Wait()
}

func (d *deployment) start(args ...string) *process {
	d.t.Helper()
	p := &process{name: fmt.Sprintf("ledger %s %d", args[0], len(d.all)), log: &reexec.Log{}}
	d.all = append(d.all, p)
	databaseURL := d.cluster.wire.URL(d.cluster.server.URL()) + "&application_name=" + strings.ReplaceAll(p.name, " ", "%20")
	p.cmd = reexec.Command(d.whole, append(d.env, "DATABASE_URL="+databaseURL), args...)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.whole.Cleanup(func() { // an end with success is not what this test is about
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if d.whole.Failed() {
			d.whole.Logf("the end of the log of %s:\n%s", p.name, tail(p.log.String()))
		}
	})
	return p
}

// logged counts the lines of all processes with a text.
func (d *deployment) logged(text string) (n int) {
	for _, p := range d.all {
		n += strings.Count(p.log.String(), text)
	}
	return n
}

// tail returns the end of a text.
func tail(text string) string {
	const most = 20_000
	return text[max(0, len(text)-most):]
}

func (d *deployment) startWorker() *process {
	d.t.Helper()
	p := d.start("worker", "--ops-addr=127.0.0.1:0", "--tiles=2", "--small=8")
	d.awaitLog(p, "msg=ready")
	d.workers = append(d.workers, p)
	return p
}

func (d *deployment) awaitLog(p *process, text string) {
	d.t.Helper()
	until(d.t, p.name+" logs "+text, func() bool { return strings.Contains(p.log.String(), text) })
}

// pidOf matches the process in the name of a worker.
var pidOf = regexp.MustCompile(`-(\d+)-[A-Z0-9]+$`)

// killWorker kills the worker of a name with SIGKILL, and starts another one.
func (d *deployment) killWorker(name string) {
	d.t.Helper()
	d.loseWorker(name)
	d.startWorker()
}

// loseWorker kills the worker of a name with SIGKILL.
func (d *deployment) loseWorker(name string) {
	d.t.Helper()
	pid, err := strconv.Atoi(pidOf.FindStringSubmatch(name)[1])
	if err != nil {
		d.t.Fatal(err)
	}
	i := slices.IndexFunc(d.workers, func(p *process) bool { return p.cmd.Process.Pid == pid })
	if i < 0 {
		d.t.Fatalf("%s is no worker of this test", name)
	}
	kill(d.t, pid, syscall.SIGKILL)
	_ = d.workers[i].cmd.Wait()
	d.workers = slices.Delete(d.workers, i, i+1)
}

// during makes a test the present one until it ends.
func (d *deployment) during(t *testing.T) {
	before := d.t
	d.t, d.cluster.t = t, t
	t.Cleanup(func() { d.t, d.cluster.t = before, before })
}

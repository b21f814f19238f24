package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testdb"
)

func TestMain(m *testing.M) {
	reexec.Main()
	// Most tests wait for what processes do at their own pace, so that more of them fit on a machine than it has cores.
	if err := flag.Set("test.parallel", strconv.Itoa(max(parallel, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	testdb.Main(m)
}

// parallel is how many tests run at once at least, unless go test is told otherwise.
const parallel = 6

// waitTimeout bounds a wait that should end long before.
const waitTimeout = 2 * time.Minute

// process is a running millrace.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr *reexec.Log
	once   sync.Once
	err    error // how it ended; valid after once
}

// start starts a millrace, which is killed at the end of the test if it still runs.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return startCommand(t, reexec.Command(t, env, args...))
}

// startCommand runs a command in the background, and ends it with the test.
func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{
		t:      t,
		cmd:    cmd,
		stderr: &reexec.Log{},
	}
	p.cmd.Stderr = p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.wait()
		if t.Failed() {
			t.Logf("the log of %v:\n%s", cmd.Args, p.stderr)
		}
	})
	return p
}

// wait waits for the end of the process and returns its error.
func (p *process) wait() error {
	p.once.Do(func() { p.err = p.cmd.Wait() })
	return p.err
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exit sends a signal and waits for the end, which must be a success.
func (p *process) exit(s os.Signal) {
	p.t.Helper()
	p.signal(s)
	if err := p.wait(); err != nil {
		p.t.Fatalf("after %s the process ended with %v, want success", s, err)
	}
}

// untilLogs waits for a line in the log.
func (p *process) untilLogs(text string) {
	p.t.Helper()
	until(p.t, "it logs "+text, func() bool { return strings.Contains(p.stderr.String(), text) })
}

// run runs a millrace to its end.
func run(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := reexec.Command(t, env, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// wantFailure runs a millrace that must end with an exit code and a text on its standard error.
func wantFailure(t *testing.T, env []string, wantCode int, want string, args ...string) {
	t.Helper()
	_, stderr, code := run(t, env, args...)
	if code != wantCode || !strings.Contains(stderr, want) {
		t.Errorf("millrace %v: code %d, %q, want code %d and %q", args, code, stderr, wantCode, want)
	}
}

// wantTexts checks that a text contains others.
func wantTexts(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("got %q, want %q in it", got, w)
		}
	}
}

// until polls a condition of another process, which sends no signal when it becomes true.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", waitTimeout, what)
		}
	}
}

// api talks to a running API, with the client that the commands use.
type api struct {
	t *testing.T
	*client.Client
}

func connect(t *testing.T, server string) api {
	t.Helper()
	c, err := client.New(server)
	if err != nil {
		t.Fatal(err)
	}
	return api{t, c}
}

// submit submits a multiplication in JSON and returns its id.
func (a api) submit(body string) string {
	a.t.Helper()
	var s client.Submission
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		a.t.Fatal(err)
	}
	m, err := a.Submit(a.t.Context(), s)
	if err != nil {
		a.t.Fatal(err)
	}
	return m.ID
}

func (a api) get(id string) client.Multiplication {
	a.t.Helper()
	m, err := a.Multiplication(a.t.Context(), id)
	if err != nil {
		a.t.Fatal(err)
	}
	return m
}

// completes waits until a multiplication is completed.
func (a api) completes(id string) client.Multiplication {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), waitTimeout)
	defer cancel()
	m, err := a.Wait(ctx, id, func(client.Event) {})
	if err != nil {
		a.t.Fatal(err)
	}
	if m.State != client.MultiplicationStateCompleted {
		a.t.Fatalf("state of %s = %s, want completed: %+v", id, m.State, m)
	}
	return m
}

package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/cli"
	"github.com/millrace/millrace/devdb/testdb"
)

// asMillrace in the environment makes the test binary behave as the real one: tests run real processes and send them
// real signals.
const asMillrace = "MILLRACE_TEST_AS_BINARY"

func TestMain(m *testing.M) {
	if os.Getenv(asMillrace) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
	}
	testdb.Main(m)
}

// patience bounds a wait that should end long before.
const patience = 2 * time.Minute

// process is a running millrace.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr *syncBuffer
	once   sync.Once
	err    error
}

// command returns a millrace that is not started.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), asMillrace+"=1")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// start runs a millrace in the background; it is killed at the end of the test if it still runs.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: command(t, env, args...), stderr: &syncBuffer{}}
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
			t.Logf("the log of %v:\n%s", args, p.stderr)
		}
	})
	return p
}

// wait returns how the process ended.
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

// exit sends a signal and expects a clean end.
func (p *process) exit(s os.Signal) {
	p.t.Helper()
	p.signal(s)
	if err := p.wait(); err != nil {
		p.t.Fatalf("it ended with %v", err)
	}
}

// untilLogs waits for a line in the log.
func (p *process) untilLogs(text string) {
	p.t.Helper()
	until(p.t, "it logs "+text, func() bool { return strings.Contains(p.stderr.String(), text) })
}

// run runs a millrace to its end and returns its output and exit code.
func run(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := command(t, env, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// syncBuffer collects the log of a process.
type syncBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.buffer.Write(p)
}

func (s *syncBuffer) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.buffer.String()
}

// api talks to a running API.
type api struct {
	t    *testing.T
	base string
}

// product is what these tests look at.
type product struct {
	ID       string
	State    string
	Failure  string
	Attempts int64
	Tiles    struct{ Total, Completed, Running int64 }
	Errors   []struct{ Message string }
	Result   struct{ Href string }
}

func (a api) do(method, path, body string, out any) int {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.base+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			a.t.Fatalf("%s %s: %s: %v\n%s", method, path, answer.Status, err, text)
		}
	}
	return answer.StatusCode
}

// submit queues a product.
func (a api) submit(body string) string {
	a.t.Helper()
	var p product
	if status := a.do(http.MethodPost, "/v1/multiplications", body, &p); status != http.StatusAccepted {
		a.t.Fatalf("submitting: %d", status)
	}
	return p.ID
}

func (a api) get(id string) product {
	a.t.Helper()
	var p product
	a.do(http.MethodGet, "/v1/multiplications/"+id, "", &p)
	return p
}

// completes waits until a product is complete.
func (a api) completes(id string) product {
	a.t.Helper()
	var p product
	until(a.t, id+" ends", func() bool {
		p = a.get(id)
		return p.State == "completed" || p.State == "failed" || p.State == "cancelled"
	})
	if p.State != "completed" {
		a.t.Fatalf("it is %s: %s, %+v", p.State, p.Failure, p.Errors)
	}
	return p
}

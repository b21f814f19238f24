package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/cli"
	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/internal/testdb"
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

// submit queues a product of two operands, in JSON.
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

// completes waits until a product is complete.
func (a api) completes(id string) client.Multiplication {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	m, err := a.Wait(ctx, id, func(client.Event) {})
	if err != nil {
		a.t.Fatal(err)
	}
	if m.State != client.MultiplicationStateCompleted {
		a.t.Fatalf("it is %s: %+v", m.State, m)
	}
	return m
}

package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testdb"
)

// waitTimeout bounds a wait that should end long before.
const waitTimeout = time.Minute

// process is a running millrace.
type process struct {
	t      *testing.T
	log    *reexec.Log // standard error
	out    *reexec.Log // standard output
	signal func(os.Signal) error
	ended  chan struct{}
	code   int // valid when it has ended
}

// start starts a millrace, which is killed at the end of the test if it still runs.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{
		t:     t,
		log:   &reexec.Log{},
		out:   &reexec.Log{},
		ended: make(chan struct{}),
	}
	cmd := reexec.Command(t, env, args...)
	cmd.Stderr = p.log
	cmd.Stdout = p.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.signal = cmd.Process.Signal
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
		p.code = cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("the log of %v:\n%s", args, p.log)
		}
	})
	return p
}

// logged waits for a line in the log and returns what its pattern captures.
func (p *process) logged(pattern string) string {
	p.t.Helper()
	for deadline := time.Now().Add(waitTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(p.log.String()); found != nil {
			return found[1]
		}
	}
	p.t.Fatalf("%s is not logged within %s", pattern, waitTimeout)
	return ""
}

// deploy starts an API on a database of its own, and returns its address, the environment of its processes and the
// directory of their blocks.
func deploy(t *testing.T) (server string, env []string, blocks string) {
	t.Helper()
	blocks = t.TempDir()
	env = []string{
		"DATABASE_URL=" + testdb.URL(testdb.New(t)),
		"MILLRACE_BLOCKS=file://" + blocks,
		"MILLRACE_LEASE=1s",
	}
	api := start(t, env, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	return api.logged(`msg=serving api=(\S+)`), env, blocks
}

// upload stores a matrix that is in blocks, and returns its id.
func upload(t *testing.T, server string) string {
	t.Helper()
	row := "[" + strings.Repeat("1,", 299) + "1]"
	body := "[" + strings.Repeat(row+",", 299) + row + "]"
	response, err := http.Post(server+"/v1/matrices", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var m client.Matrix
	if err := json.NewDecoder(response.Body).Decode(&m); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("an upload: %s, %v, want 201", response.Status, err)
	}
	return m.ID
}

// hangReads replaces the blocks of a matrix by pipes: to open one does not return, as on a file system whose server is
// gone. It returns a function that undoes that.
func hangReads(t *testing.T, blocks, matrix string) (undo func()) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(blocks, matrix, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the blocks of %s: %v, %v, want some", matrix, files, err)
	}
	const aside = ".aside"
	for _, file := range files {
		if err := os.Rename(file, file+aside); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		for _, file := range files {
			if err := os.Rename(file+aside, file); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestStuckProcessEnds: a worker with a tile that cannot be interrupted ends with an error, without waiting for it. The
// tile is rescued, and completed by another worker.
func TestStuckProcessEnds(t *testing.T) {
	t.Parallel()
	server, env, blocks := deploy(t)
	c, err := client.New(server)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	operand := client.Stored(upload(t, server))
	undo := hangReads(t, blocks, *operand.MatrixID)
	hanging, err := c.Submit(ctx, client.Submission{A: operand, B: operand})
	if err != nil {
		t.Fatal(err)
	}
	worker := []string{"worker", "--ops-addr=127.0.0.1:0", "--tiles=1", "--small=1"}
	first := start(t, env, append(worker, "--tile-timeout=1s", "--soft-stop=1s")...)
	select {
	case <-first.ended:
	case <-ctx.Done():
		t.Fatalf("the worker has not ended after %s", waitTimeout)
	}
	if !strings.Contains(first.log.String(), "a tile hangs and cannot be interrupted") || first.code == 0 {
		t.Errorf("the worker ended with code %d, want a failure that says why", first.code)
	}
	undo()
	second := start(t, env, worker...)
	second.logged("(msg=ready)")
	m, err := c.Wait(ctx, hanging.ID, func(client.Event) {})
	if err != nil || m.State != client.MultiplicationStateCompleted {
		t.Errorf("the multiplication: %+v, %v, want it completed", m, err)
	}
}

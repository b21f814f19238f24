package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/client"
)

// noParts fails the test if a download has left something beside the output.
func noParts(t *testing.T, path string) {
	t.Helper()
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestClient: the commands, against one server.
func TestClient(t *testing.T) {
	t.Parallel()
	p, dev := startDev(t, filepath.Join(t.TempDir(), "data"))
	b := &clientBundle{env: []string{"MILLRACE_SERVER=" + dev.API}, api: connect(t, dev.API)}
	t.Run("multiply", b.testMultiply)
	t.Run("operands", b.testOperands)
	t.Run("output", b.testOutput)
	t.Run("broken download", b.testBrokenDownload)
	t.Run("partial file", b.testPartialFile)
	t.Run("damaged download", b.testDamagedDownload)
	t.Run("broken submission", b.testBrokenSubmission)
	t.Run("failed product", b.testFailed)
	t.Run("list and show", b.testListAndShow)
	t.Run("broken events", b.testBrokenEvents)
	t.Run("no events", b.testNoEvents)
	t.Run("refusals", b.testRefusals)
	t.Run("load", b.testLoad)
	t.Run("load refused", b.testLoadRefused)
	p.exit(syscall.SIGTERM)
}

type clientBundle struct {
	env []string
	api api
}

func (b *clientBundle) server() string { return strings.TrimPrefix(b.env[0], "MILLRACE_SERVER=") }

// ok runs a command that must succeed.
func (b *clientBundle) ok(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, code := run(t, b.env, args...)
	if code != 0 {
		t.Fatalf("%v: code %d\n%s\n%s", args, code, stdout, stderr)
	}
	return stdout, stderr
}

// decodeJSON reads the one object that a command has printed.
func decodeJSON[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if d.More() {
		t.Errorf("more than one object: %s", text)
	}
	return v
}

// summary is what multiply --json and result --json print.
type summary struct {
	ID, State, Output string
	Bytes             int64
	Verified          bool
	Seconds           struct{ Upload, Compute, Download *float64 }
	Multiplication    client.Multiplication
}

// A product that fails or is cancelled is told apart from one that is done, and can be retried.
func (b *clientBundle) testFailed(t *testing.T) {
	const many = "random:20000x20000"
	out := filepath.Join(t.TempDir(), "C.npy")
	p := start(t, b.env, "multiply", many, many, "-o", out, "--json")
	id := p.submitted()
	stdout, _ := b.ok(t, "cancel", id, "--json")
	if m := decodeJSON[client.Multiplication](t, stdout); m.State != client.MultiplicationStateCancelled {
		t.Errorf("%s", stdout)
	}
	text, _ := p.stdout.ReadString(0)
	if err := p.wait(); err == nil || p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(p.stderr.String(), "was cancelled") {
		t.Errorf("%v, %s", err, p.stderr)
	}
	if s := decodeJSON[summary](t, text); s.State != "cancelled" || s.Output != "" {
		t.Errorf("%s", text)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is an output")
	}
	until(t, "its tiles stop", func() bool { return b.api.get(id).Tiles.Running == 0 })
	stdout, _ = b.ok(t, "retry", id)
	if !strings.Contains(stdout, "state     pending") && !strings.Contains(stdout, "state     in_progress") {
		t.Errorf("%s", stdout)
	}
	b.ok(t, "cancel", id)
	if _, stderr, code := run(t, b.env, "result", id, "-o", out); code != 1 || !strings.Contains(stderr, "millrace retry "+id) {
		t.Errorf("code %d, %s", code, stderr)
	}
}

// submitted waits until multiply has submitted its product, and returns its id.
func (p *process) submitted() string {
	p.t.Helper()
	p.untilLogs("submitted ")
	_, rest, _ := strings.Cut(p.stderr.String(), "submitted ")
	until(p.t, "the line is whole", func() bool {
		_, rest, _ = strings.Cut(p.stderr.String(), "submitted ")
		return strings.Contains(rest, "\n")
	})
	id, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	return strings.TrimSpace(id)
}

func (b *clientBundle) testListAndShow(t *testing.T) {
	id := b.api.submit(`{"a": {"values": [[1,2],[3,4]]}, "b": {"values": [[5,6],[7,8]]}}`)
	m := b.api.completes(id)
	stdout, _ := b.ok(t, "list")
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); len(lines) < 3 || !strings.HasPrefix(lines[0], "ID ") ||
		!strings.HasPrefix(lines[1], id) || !strings.Contains(lines[1], "completed") || !strings.Contains(lines[1], "2×2×2") {
		t.Errorf("%s", stdout)
	}
	stdout, _ = b.ok(t, "list", "--json", "--limit=1")
	if list := decodeJSON[client.MultiplicationList](t, stdout); len(list.Items) != 1 || list.Items[0].ID != id || list.NextCursor == nil {
		t.Errorf("%s", stdout)
	}
	stdout, _ = b.ok(t, "list", "--json", "--state=cancelled", "--state=failed")
	for _, m := range decodeJSON[client.MultiplicationList](t, stdout).Items {
		if m.State == client.MultiplicationStateCompleted {
			t.Errorf("%s is %s", m.ID, m.State)
		}
	}
	stdout, _ = b.ok(t, "show", id)
	for _, word := range []string{id, "completed", "2×2 float64 = 2×2 · 2×2", m.A.MatrixID, "1 of 1 completed", m.Result.MatrixID} {
		if !strings.Contains(stdout, word) {
			t.Errorf("no %q in\n%s", word, stdout)
		}
	}
	stdout, _ = b.ok(t, "show", id, "--json")
	if shown := decodeJSON[client.Multiplication](t, stdout); shown.ID != id || shown.Result == nil {
		t.Errorf("%s", stdout)
	}
	id = b.api.submit(`{"a": {"random": {"rows": 10000, "cols": 300}}, "b": {"random": {"rows": 300, "cols": 10000}}}`)
	stdout, _ = b.ok(t, "show", id, "--watch", "--json")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if last := decodeJSON[client.Event](t, lines[len(lines)-1]); len(lines) < 22 || last.State != client.MultiplicationEventStateCompleted {
		t.Errorf("%s", stdout)
	}
	stdout, _ = b.ok(t, "show", id, "--watch")
	if !strings.Contains(stdout, "20 of 20 completed") {
		t.Errorf("%s", stdout)
	}
}

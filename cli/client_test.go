package cli_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/client"
)

// noParts checks that a download has left no .part file beside the output.
func noParts(t *testing.T, path string) {
	t.Helper()
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("files beside the output: %v, %v, want none", left, err)
	}
}

// TestClient runs the client commands against one server.
func TestClient(t *testing.T) {
	t.Parallel()
	p, dev := startDev(t, filepath.Join(t.TempDir(), "data"))
	b := &clientBundle{env: []string{"MILLRACE_SERVER=" + dev.API}, api: connect(t, dev.API)}
	t.Run("multiply", b.testMultiply)
	t.Run("operands", b.testOperands)
	t.Run("reuse", b.testReuse)
	t.Run("batch", b.testBatch)
	t.Run("output", b.testOutput)
	t.Run("streams", b.testStreams)
	t.Run("bad streams", b.testBadStreams)
	t.Run("interrupted stream", b.testInterruptedStream)
	t.Run("output in place", b.testOutputInPlace)
	t.Run("interrupted pipe", b.testInterruptedPipe)
	t.Run("broken upload", b.testBrokenUpload)
	t.Run("upload to an older server", b.testUploadToOlderServer)
	t.Run("broken download", b.testBrokenDownload)
	t.Run("partial file", b.testPartialFile)
	t.Run("damaged download", b.testDamagedDownload)
	t.Run("broken submission", b.testBrokenSubmission)
	t.Run("cancel and retry", b.testCancelAndRetry)
	t.Run("list and show", b.testListAndShow)
	t.Run("broken events", b.testBrokenEvents)
	t.Run("no events", b.testNoEvents)
	t.Run("refusals", b.testRefusals)
	t.Run("manage", b.testManage)
	t.Run("terminal", b.testTerminal)
	t.Run("environment", b.testEnvironment)
	t.Run("load", b.testLoad)
	t.Run("load refused", b.testLoadRefused)
	p.exit(syscall.SIGTERM)
}

type clientBundle struct {
	env []string
	api api
}

func (b *clientBundle) server() string { return strings.TrimPrefix(b.env[0], "MILLRACE_SERVER=") }

// ok runs a client command that must succeed.
func (b *clientBundle) ok(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, code := run(t, b.env, args...)
	if code != 0 {
		t.Fatalf("millrace %v: code %d, want 0\n%s\n%s", args, code, stdout, stderr)
	}
	return stdout, stderr
}

// decodeJSON parses the output of a command, which must be one JSON object.
func decodeJSON[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&v); err != nil {
		t.Fatalf("parsing %q: %v", text, err)
	}
	if d.More() {
		t.Errorf("got %q, want one object", text)
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

// testCancelAndRetry: a cancelled multiplication makes multiply and result fail, and can be retried.
func (b *clientBundle) testCancelAndRetry(t *testing.T) {
	const wide, high = "random:2000x4000000", "random:4000000x2000" // minutes of work for a result that takes little space
	out := filepath.Join(t.TempDir(), "C.npy")
	p := start(t, b.env, "multiply", wide, high, "-o", out, "--json")
	id := p.submitted()
	stdout, _ := b.ok(t, "cancel", id, "--json")
	if m := decodeJSON[client.Multiplication](t, stdout); m.State != client.MultiplicationStateCancelled {
		t.Errorf("state = %s, want cancelled", m.State)
	}
	text, _ := p.stdout.ReadString(0)
	_ = p.wait()
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("multiply: code %d, want 1", code)
	}
	wantTexts(t, p.stderr.String(), "was cancelled")
	if s := decodeJSON[summary](t, text); s.State != "cancelled" || s.Output != "" {
		t.Errorf("got %q, want state cancelled and no output", text)
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat(output) = %v, want none", err)
	}
	until(t, "its tiles stop", func() bool { return b.api.get(id).Tiles.Running == 0 })
	stdout, _ = b.ok(t, "retry", id)
	if !strings.Contains(stdout, "state     pending") && !strings.Contains(stdout, "state     in_progress") {
		t.Errorf("got %q, want pending or in_progress", stdout)
	}
	b.ok(t, "cancel", id)
	wantFailure(t, b.env, 1, "millrace retry "+id, "result", id, "-o", out)
}

// submitted waits until multiply has submitted the multiplication, and returns its id.
func (p *process) submitted() string {
	p.t.Helper()
	p.untilLogs("submitted ")
	_, rest, _ := strings.Cut(p.stderr.String(), "submitted ")
	until(p.t, "it has logged the whole line", func() bool {
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
		!strings.HasPrefix(lines[1], id[:13]) || !strings.Contains(lines[1], "completed") || !strings.Contains(lines[1], "2×2×2") {
		t.Errorf("list printed %q, want a table with %s, completed, 2×2×2", stdout, id)
	}
	stdout, _ = b.ok(t, "list", "--json", "--limit=1")
	list := decodeJSON[client.MultiplicationList](t, stdout)
	if len(list.Items) != 1 || list.Items[0].ID != id || list.NextCursor == nil {
		t.Errorf("list printed %q, want %s and a cursor", stdout, id)
	}
	stdout, _ = b.ok(t, "list", "--json", "--state=cancelled", "--state=failed")
	for _, m := range decodeJSON[client.MultiplicationList](t, stdout).Items {
		if m.State == client.MultiplicationStateCompleted {
			t.Errorf("state of %s = %s, want cancelled or failed", m.ID, m.State)
		}
	}
	stdout, _ = b.ok(t, "show", id)
	wantTexts(t, stdout, id, "completed", "2×2 float64 = 2×2 · 2×2", m.A.MatrixID, "1 of 1 completed", m.Result.MatrixID)
	stdout, _ = b.ok(t, "show", id, "--json")
	if shown := decodeJSON[client.Multiplication](t, stdout); shown.ID != id || shown.Result == nil {
		t.Errorf("show printed %q, want %s with its result", stdout, id)
	}
	id = b.api.submit(fewTiles)
	stdout, _ = b.ok(t, "show", id, "--watch", "--json")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	last := decodeJSON[client.Event](t, lines[len(lines)-1])
	if len(lines) < 6 || last.State != client.MultiplicationEventStateCompleted {
		t.Errorf("show printed %d lines, the last of state %s, want at least 6, completed", len(lines), last.State)
	}
	stdout, _ = b.ok(t, "show", id, "--watch")
	wantTexts(t, stdout, "4 of 4 completed")
}

package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
)

// testManage: a multiplication from upload to delete, by the beginning of its id.
func (b *clientBundle) testManage(t *testing.T) {
	file := writeMatrix(t, 30, 20, matrix.Float64, false)
	stdout, _ := b.ok(t, "upload", file)
	matrixID := strings.TrimSpace(stdout)
	stdout, _ = b.ok(t, "matrices", "--source=upload", "--limit=1")
	wantTexts(t, stdout, matrixID+"  30×20  float64  upload ")
	all := decodeJSON[client.MatrixList](t, first(b.ok(t, "matrices", "--json")))
	if len(all.Items) == 0 || all.Items[0].ID != matrixID {
		t.Errorf("the matrices are %+v, want %s first", all.Items, matrixID)
	}
	wantFailure(t, b.env, 2, "--limit", "matrices", "--limit=0")
	stdout, _ = b.ok(t, "multiply", "id:"+matrixID, "random:20x41", "--detach", "--retention", "2m")
	id := strings.TrimSpace(stdout)
	short := id[:len(id)-4]
	stdout, _ = b.ok(t, "wait", short)
	wantTexts(t, stdout, id+" is completed")
	stdout, _ = b.ok(t, "show", strings.ToUpper(short), "--json")
	if m := decodeJSON[client.Multiplication](t, stdout); m.ID != id || m.A.MatrixID != matrixID || m.Shape.N != 41 ||
		m.RetentionSeconds == nil || *m.RetentionSeconds != 120 {
		t.Errorf("show %s printed %q, want %s", short, stdout, id)
	}
	b.api.submit(twoByTwo)
	wantFailure(t, b.env, 2, "begins the ids of several", "show", id[:4])
	wantFailure(t, b.env, 4, "no id begins with it", "show", "fffffff")
	wantFailure(t, b.env, 4, "not found", "show", "x")
	stdout, _ = b.ok(t, "delete", short)
	wantTexts(t, stdout, id+" is deleted")
	wantFailure(t, b.env, 4, "not found", "show", id)
	stdout, _ = b.ok(t, "status")
	wantTexts(t, stdout, b.server(), "workers", "queue tiles", "GFLOP/s a core")
	if o := decodeJSON[client.Overview](t, first(b.ok(t, "status", "--json"))); o.Workers != 1 || len(o.Kernels) != 1 {
		t.Errorf("status --json: %d workers with %d kernels, want 1, 1", o.Workers, len(o.Kernels))
	}
	wantFailure(t, b.env, 2, "--detach", "multiply", "random:2x2", "random:2x2", "--detach", "-o", "C.npy")
	wantFailure(t, b.env, 2, "number of seconds", "multiply", "random:2x2", "random:2x2", "--detach", "--retention", "1ms")
	wantFailure(t, b.env, 1, "only_named", "multiply", "random:2x2", "random:2x2", "--detach", "--webhook=https://example.com/hooks")
	b.testCancelledWait(t)
}

func first(stdout, _ string) string { return stdout }

// minutesOfWork is a multiplication of tiles that each take seconds, with a result that takes little space.
const minutesOfWork = `{"a": {"random": {"rows": 2000, "cols": 4000000}}, "b": {"random": {"rows": 4000000, "cols": 2000}}}`

// testCancelledWait: wait fails when the multiplication does, and at the end of its time.
func (b *clientBundle) testCancelledWait(t *testing.T) {
	id := b.api.submit(minutesOfWork)
	wantFailure(t, b.env, 1, "not finished within", "wait", id, "--timeout=10ms")
	p := start(t, b.env, "wait", id)
	b.ok(t, "cancel", id)
	_ = p.wait()
	if code := p.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(p.stderr.String(), "was cancelled") {
		t.Errorf("wait: code %d, %q, want 1 and was cancelled", code, p.stderr)
	}
	stdout, _ := b.ok(t, "list", "--state=failed")
	if want := "There are no multiplications that are failed.\n"; stdout != want {
		t.Errorf("an empty list is %q, want %q", stdout, want)
	}
}

// testTerminal: lists fit a terminal, have colors on one unless NO_COLOR is set, and follow changes; no result is
// written to one.
func (b *clientBundle) testTerminal(t *testing.T) {
	b.api.completes(b.api.submit(`{"a": {"random": {"rows": 100000, "cols": 1}}, "b": {"random": {"rows": 1, "cols": 1}}}`))
	stdout, _ := b.ok(t, "list", "--limit=1000")
	for line := range strings.Lines(stdout) {
		if n := utf8.RuneCountInString(line); n > 80 || strings.Contains(line, "\x1b") {
			t.Errorf("a line has %d characters, want at most 80 without colors: %q", n, line)
		}
	}
	const green = "\x1b[32mcompleted\x1b[0m"
	for env, want := range map[string]bool{"NO_COLOR=": true, "NO_COLOR=1": false} {
		term := startInTerminal(t, append(b.env, "TERM=xterm", env), "list")
		_ = term.cmd.Wait()
		<-term.done
		if got := strings.Contains(term.screen.String(), green); got != want {
			t.Errorf("%s: green = %t, want %t\n%q", env, got, want, term.screen)
		}
	}
	term := startInTerminal(t, append(b.env, "TERM=xterm"), "list", "--watch", "--limit=5")
	term.until("SHAPE")
	b.api.submit(`{"a": {"random": {"rows": 77, "cols": 78}}, "b": {"random": {"rows": 78, "cols": 79}}}`)
	term.until("77×78×79")
	term.types(ctrlC)
	_ = term.cmd.Wait()
	if code := term.cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("list --watch: code %d after Ctrl-C, want 130", code)
	}
	term = startInTerminal(t, b.env, "multiply", "random:2x2", "random:2x2", "-o", "-")
	term.until("standard output is a terminal")
}

// testEnvironment: variables name the server, and change nothing else of client commands.
func (b *clientBundle) testEnvironment(t *testing.T) {
	id := b.api.submit(twoByTwo)
	b.api.completes(id)
	env := append(b.env, "MILLRACE_STATE=failed", "MILLRACE_SIZE=64x64x64", "MILLRACE_LIMIT=0", "MILLRACE_FORCE=true")
	stdout, stderr, code := run(t, env, "list")
	if code != 0 || !strings.Contains(stdout, "completed") {
		t.Errorf("list: code %d, %q, %q, want all states", code, stdout, stderr)
	}
	out := filepath.Join(t.TempDir(), "C.npy")
	b.ok(t, "result", id, "-o", out)
	wantFailure(t, env, 2, "--force", "result", id, "-o", out)
	if _, stderr, code := run(t, append(env, "MILLRACE_DTYPE=x"), "demo", "--dir=/nonexistent"); code != 2 ||
		strings.Contains(stderr, "--size") {
		t.Errorf("demo: code %d, %q, want 2 because of --dir", code, stderr)
	}
	stdout, _, _ = run(t, append(b.env, "MILLRACE_JSON=true"), "show", id)
	decodeJSON[client.Multiplication](t, stdout)
}

// TestHelp: what people try first prints the help or the version.
func TestHelp(t *testing.T) {
	t.Parallel()
	for text, args := range map[string][]string{
		"Usage: millrace <command>":     nil,
		"Usage: millrace <command> [fl": {"help"},
		"Usage: millrace list":          {"help", "list"},
		"Usage: millrace context add":   {"help", "context", "add"},
		"millrace (devel)":              {"--version"},
	} {
		stdout, stderr, code := run(t, nil, args...)
		if code != 0 || !strings.Contains(stdout, text) || stderr != "" {
			t.Errorf("millrace %v: code %d, %q, %q, want 0 and %q", args, code, stdout, stderr, text)
		}
	}
}

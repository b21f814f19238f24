package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/matrix"
)

// testStreams: operands from the standard input and from pipes, as a shell makes them for <(…).
func (b *clientBundle) testStreams(t *testing.T) {
	left := readFile(t, writeMatrix(t, 300, 200, matrix.Float64, false))
	right := writeMatrix(t, 200, 100, matrix.Float64, true)
	square := readFile(t, writeMatrix(t, 30, 30, matrix.Float32, false))
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(fifo, left, 0o600) }()
	for name, test := range map[string]struct {
		a, b    string
		stdin   []byte
		m, k, n int
		dtype   matrix.DType
	}{
		"standard input":       {"-", right, left, 300, 200, 100, matrix.Float64},
		"twice":                {"-", "-", square, 30, 30, 30, matrix.Float32},
		"named pipe":           {fifo, right, nil, 300, 200, 100, matrix.Float64},
		"substituted":          {"/dev/fd/3", right, left, 300, 200, 100, matrix.Float64},
		"standard input, name": {"/dev/stdin", right, left, 300, 200, 100, matrix.Float64},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "C.npy")
			stderr, code := b.stream(t, test.stdin, "multiply", test.a, test.b, "-o", out)
			if code != 0 {
				t.Fatalf("code %d, %q, want 0", code, stderr)
			}
			wantResult(t, out, test.m, test.k, test.n, test.dtype)
		})
	}
}

// testBadStreams: a stream that is not what its header announces is refused, however much of it was sent.
func (b *clientBundle) testBadStreams(t *testing.T) {
	good := readFile(t, writeMatrix(t, 300, 200, matrix.Float64, false))
	for name, test := range map[string]struct {
		stdin []byte
		b     string
		want  string
	}{
		"truncated":  {good[:len(good)-1], "random:200x1", "is truncated"},
		"two arrays": {append(bytes.Clone(good), good...), "random:200x1", "more than one array"},
		"not .npy":   {[]byte("hello"), "random:200x1", "standard input: "},
		"empty":      {nil, "random:200x1", "empty"},
		"shapes":     {good, "random:201x1", "the columns of the first must equal"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "C.npy")
			stderr, code := b.stream(t, test.stdin, "multiply", "-", test.b, "-o", out)
			if code != 2 || !strings.Contains(stderr, test.want) {
				t.Errorf("code %d, %q, want 2 and %q", code, stderr, test.want)
			}
		})
	}
}

// testInterruptedStream: a command that waits for a pipe to deliver can be interrupted.
func (b *clientBundle) testInterruptedStream(t *testing.T) {
	square := readFile(t, writeMatrix(t, 300, 300, matrix.Float64, false))
	cmd := reexec.Command(t, b.env, "multiply", "-", "-", "-o", filepath.Join(t.TempDir(), "C.npy"))
	log := &reexec.Log{}
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// More than a pipe holds: when it is written, the command has read more than the header, and uploads.
	if _, err := stdin.Write(square[:len(square)/2]); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("the command ended with %v, want code 130\n%s", err, log)
	}
}

// stream runs a client command whose standard input and file descriptor 3 are pipes with a content.
func (b *clientBundle) stream(t *testing.T, content []byte, args ...string) (stderr string, code int) {
	t.Helper()
	cmd := reexec.Command(t, b.env, args...)
	cmd.Stdin = pipeWith(t, content)
	cmd.ExtraFiles = []*os.File{pipeWith(t, content)}
	var text bytes.Buffer
	cmd.Stderr = &text
	_ = cmd.Run()
	return text.String(), cmd.ProcessState.ExitCode()
}

// pipeWith returns the end of a pipe from which a content can be read.
func pipeWith(t *testing.T, content []byte) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	go func() {
		_, _ = w.Write(content)
		_ = w.Close()
	}()
	return r
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

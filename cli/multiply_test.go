package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// testMultiply: both data types in both orders, from files.
func (b *clientBundle) testMultiply(t *testing.T) {
	for _, test := range []struct {
		fortran bool
		dtype   matrix.DType
	}{{false, matrix.Float64}, {true, matrix.Float64}, {false, matrix.Float32}, {true, matrix.Float32}} {
		const m, k, n = 120, 70, 90
		out := filepath.Join(t.TempDir(), "C.npy")
		stdout, stderr := b.ok(t, "multiply", writeMatrix(t, m, k, test.dtype, test.fortran),
			writeMatrix(t, k, n, test.dtype, test.fortran), "-o", out, "--json", "--priority=1")
		wantResult(t, out, m, k, n, test.dtype)
		noParts(t, out)
		s := decodeJSON[summary](t, stdout)
		if s.State != "completed" || !s.Verified || s.Output != out || s.Bytes < m*n*4 || s.Seconds.Download == nil ||
			s.Multiplication.ID != s.ID || s.Multiplication.Priority != 1 {
			t.Errorf("multiply printed %q, want a verified result of priority 1 in %s", stdout, out)
		}
		wantTexts(t, stderr, "upload A", "upload B", "submitted  "+s.ID, "download")
	}
}

// testOperands: stored and random operands, and a file that is uploaded once for both.
func (b *clientBundle) testOperands(t *testing.T) {
	a := writeMatrix(t, 30, 30, matrix.Float64, false)
	stored, err := b.api.Upload(t.Context(), a, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string][2]string{"the same file": {a, a}, "a stored matrix": {"id:" + stored.ID, a}} {
		out := filepath.Join(t.TempDir(), "C.npy")
		_, stderr := b.ok(t, "multiply", words[0], words[1], "-o", out)
		wantResult(t, out, 30, 30, 30, matrix.Float64)
		wantA := name != "a stored matrix"
		wantB := words[0] != words[1]
		if strings.Contains(stderr, "upload A") != wantA || strings.Contains(stderr, "upload B") != wantB {
			t.Errorf("%s: got %q, want A uploaded: %t, B uploaded: %t", name, stderr, wantA, wantB)
		}
	}
	out := filepath.Join(t.TempDir(), "C.npy")
	stdout, stderr := b.ok(t, "multiply", "random:20x300:7", "random:300x10", "-o", out, "--quiet")
	if shape, _ := readMatrix(t, out); shape.Rows != 20 || shape.Cols != 10 || stdout+stderr != "" {
		t.Errorf("the result is %s, the output %q, %q, want 20×10 and nothing", shape, stdout, stderr)
	}
}

// testReuse: the result of an earlier multiplication is used again, and is not if that is refused.
func (b *clientBundle) testReuse(t *testing.T) {
	const a, c = "random:1000x200:1", "random:200x1000:2"
	for _, test := range []struct {
		flag string
		want bool
	}{{"--priority=2", false}, {"--priority=3", true}, {"--no-reuse", false}} {
		stdout, stderr := b.ok(t, "multiply", a, c, "-o", filepath.Join(t.TempDir(), "C.npy"), "--json", test.flag)
		m := decodeJSON[summary](t, stdout).Multiplication
		reused := m.Reused != nil && *m.Reused
		shown, _ := b.ok(t, "show", m.ID)
		if reused != test.want || strings.Contains(stderr, "reused ") != test.want || strings.Contains(shown, "reused ") != test.want {
			t.Errorf("%s: reused %t, printed %q and %q, want reused %t", test.flag, reused, stderr, shown, test.want)
		}
	}
}

// testOutput: results on standard output, and files that exist already.
func (b *clientBundle) testOutput(t *testing.T) {
	a := writeMatrix(t, 30, 30, matrix.Float64, false)
	stdout, _ := b.ok(t, "multiply", a, a, "-o", "-")
	out := filepath.Join(t.TempDir(), "C.npy")
	if err := os.WriteFile(out, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	wantResult(t, out, 30, 30, 30, matrix.Float64)
	wantFailure(t, b.env, 2, "--force", "multiply", "random:1x1", "random:1x1", "-o", out)
	wantResult(t, out, 30, 30, 30, matrix.Float64)
	b.ok(t, "multiply", "random:1x1", "random:1x1", "-o", out, "--force")
	if shape, _ := readMatrix(t, out); shape.Rows != 1 {
		t.Errorf("the result is %s, want 1×1", shape)
	}
}

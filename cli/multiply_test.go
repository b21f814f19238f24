package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
)

func (b *clientBundle) testMultiply(t *testing.T) {
	for _, test := range []struct {
		fortran bool
		dtype   matrix.DType
	}{{false, matrix.Float64}, {true, matrix.Float64}, {false, matrix.Float32}, {true, matrix.Float32}} {
		const m, k, n = 120, 70, 90
		out := filepath.Join(t.TempDir(), "C.npy")
		stdout, stderr := b.ok(t, "multiply", writeMatrix(t, m, k, test.dtype, test.fortran),
			writeMatrix(t, k, n, test.dtype, test.fortran), "-o", out, "--json", "--priority=1")
		wantProduct(t, out, m, k, n, test.dtype)
		noParts(t, out)
		s := decodeJSON[summary](t, stdout)
		if s.State != "completed" || !s.Verified || s.Output != out || s.Bytes < m*n*4 || s.Multiplication.ID != s.ID || s.Seconds.Download == nil ||
			s.Multiplication.Priority != 1 {
			t.Errorf("%s", stdout)
		}
		for _, word := range []string{"upload A", "upload B", "submitted  " + s.ID, "download"} {
			if !strings.Contains(stderr, word) {
				t.Errorf("no %q in %s", word, stderr)
			}
		}
	}
}

func (b *clientBundle) testOperands(t *testing.T) {
	a := writeMatrix(t, 30, 30, matrix.Float64, false)
	stored, err := b.api.Upload(t.Context(), a, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string][2]string{"the same file": {a, a}, "a stored matrix": {"id:" + stored.ID, a}} {
		out := filepath.Join(t.TempDir(), "C.npy")
		_, stderr := b.ok(t, "multiply", words[0], words[1], "-o", out)
		wantProduct(t, out, 30, 30, 30, matrix.Float64)
		if strings.Contains(stderr, "upload A") == (name == "a stored matrix") || strings.Contains(stderr, "upload B") == (words[0] == words[1]) {
			t.Errorf("%s: %s", name, stderr)
		}
	}
	out := filepath.Join(t.TempDir(), "C.npy")
	stdout, stderr := b.ok(t, "multiply", "random:20x300:7", "random:300x10", "-o", out, "--quiet")
	if shape, _ := readMatrix(t, out); shape.Rows != 20 || shape.Cols != 10 || stdout+stderr != "" {
		t.Errorf("%s, %q, %q", shape, stdout, stderr)
	}
}

func (b *clientBundle) testOutput(t *testing.T) {
	a := writeMatrix(t, 30, 30, matrix.Float64, false)
	stdout, _ := b.ok(t, "multiply", a, a, "-o", "-")
	out := filepath.Join(t.TempDir(), "C.npy")
	if err := os.WriteFile(out, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	wantProduct(t, out, 30, 30, 30, matrix.Float64)
	if _, stderr, code := run(t, b.env, "multiply", "random:1x1", "random:1x1", "-o", out); code != 2 || !strings.Contains(stderr, "--force") {
		t.Errorf("code %d, %s", code, stderr)
	}
	wantProduct(t, out, 30, 30, 30, matrix.Float64)
	b.ok(t, "multiply", "random:1x1", "random:1x1", "-o", out, "--force")
	if shape, _ := readMatrix(t, out); shape.Rows != 1 {
		t.Errorf("it is %s", shape)
	}
}

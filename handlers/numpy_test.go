package handlers_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
)

// numpy runs the script of this test. Without a Python that has NumPy the test is skipped, but fails in CI.
func numpy(t *testing.T, args ...string) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import numpy").Run() != nil {
			continue
		}
		args = append([]string{"testdata/numpy_cases.py"}, args...)
		out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Python with NumPy")
	}
	t.Skip("no Python with NumPy")
	return ""
}

// TestNumPy: files of np.save are multiplied, and np.load reads results that agree with those of NumPy.
func TestNumPy(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cases, err := strconv.Atoi(numpy(t, "make", folder))
	if err != nil || cases < 100 {
		t.Fatalf("%d cases, %v, want at least 100", cases, err)
	}
	bundles := []*testBundle{setup(t), setupWith(t, options{files: true})}
	t.Run("cases", func(t *testing.T) {
		for n := range cases {
			t.Run(strconv.Itoa(n), func(t *testing.T) {
				t.Parallel()
				bundles[n%2].multiplyFiles(t, filepath.Join(folder, strconv.Itoa(n)), n%4 < 2)
			})
		}
	})
	if wrong := numpy(t, "check", folder); wrong != "" {
		t.Error(wrong)
	}
}

// multiplyFiles multiplies name-a.npy and name-b.npy, sent as a form or one by one, and writes the result to
// name-c.npy.
func (b *testBundle) multiplyFiles(t *testing.T, name string, asForm bool) {
	t.Helper()
	read := func(name string) []byte {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	left := read(name + "-a.npy")
	right := read(name + "-b.npy")
	contentType, body := form(t, part{"a", left}, part{"b", right})
	if !asForm {
		const one = `{"matrix_id": %q}`
		contentType = jsonType
		body = fmt.Appendf(nil, `{"a": `+one+`, "b": `+one+`}`, b.upload(t, left).ID, b.upload(t, right).ID)
	}
	a := b.post(t, "/v1/multiplications", contentType, body).want(t, http.StatusAccepted)
	m := b.complete(t, decode[resource.Multiplication](t, a).ID)
	if err := os.WriteFile(name+"-c.npy", b.get(t, m.Result.Href).want(t, http.StatusOK).body, 0o600); err != nil {
		t.Fatal(err)
	}
}

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
		out, err := exec.CommandContext(t.Context(), python, append([]string{"testdata/products.py"}, args...)...).CombinedOutput()
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

// What np.save writes is multiplied, and np.load reads the product that NumPy computes.
func TestNumPy(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cases, err := strconv.Atoi(numpy(t, "make", folder))
	if err != nil || cases < 100 {
		t.Fatalf("%d cases, %v", cases, err)
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

// multiplyFiles sends name-a.npy and name-b.npy, as a form or one by one, and stores their product in name-c.npy.
func (b *testBundle) multiplyFiles(t *testing.T, name string, asForm bool) {
	t.Helper()
	read := func(name string) []byte {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	left, right := read(name+"-a.npy"), read(name+"-b.npy")
	contentType, body := form(t, part{"a", left}, part{"b", right})
	if !asForm {
		const one = `{"matrix_id": %q}`
		contentType, body = jsonType, fmt.Appendf(nil, `{"a": `+one+`, "b": `+one+`}`, b.upload(t, left).ID, b.upload(t, right).ID)
	}
	a := b.post(t, "/v1/multiplications", contentType, body).want(t, http.StatusAccepted)
	m := b.complete(t, decode[resource.Multiplication](t, a).ID)
	if err := os.WriteFile(name+"-c.npy", b.get(t, m.Result.Href).want(t, http.StatusOK).body, 0o600); err != nil {
		t.Fatal(err)
	}
}

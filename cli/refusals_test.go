package cli_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// testRefusals: a command that fails prints one line, and its exit code says what kind of failure it is.
func (b *clientBundle) testRefusals(t *testing.T) {
	good := writeMatrix(t, 3, 4, matrix.Float64, false)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer page.Close()
	const unknown = "01a20a2b-e14e-7d86-921d-a6528b55629e"
	out := filepath.Join(dir, "C.npy")
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"shapes":            {[]string{"multiply", good, good, "-o", out}, 2, "the columns of the first must equal the rows of the second"},
		"not there":         {[]string{"multiply", good, filepath.Join(dir, "no"), "-o", out}, 2, "no such file"},
		"a directory":       {[]string{"multiply", dir, good, "-o", out}, 2, "not a file"},
		"not .npy":          {[]string{"multiply", file("text", []byte("hello")), good, "-o", out}, 2, "text"},
		"truncated":         {[]string{"multiply", file("short.npy", text[:len(text)-1]), good, "-o", out}, 2, "truncated"},
		"too long":          {[]string{"multiply", file("long.npy", append(text, 1)), good, "-o", out}, 2, "more than one array"},
		"empty":             {[]string{"multiply", file("empty", nil), good, "-o", out}, 2, "empty"},
		"random":            {[]string{"multiply", "random:3", good, "-o", out}, 2, "random:ROWSxCOLS"},
		"random seed":       {[]string{"multiply", "random:3x3:x", good, "-o", out}, 2, "random:ROWSxCOLS"},
		"no such matrix":    {[]string{"multiply", "id:" + unknown, good, "-o", out}, 4, "not found"},
		"output":            {[]string{"multiply", good, good, "-o", filepath.Join(dir, "no", "C.npy")}, 2, "no such file"},
		"output directory":  {[]string{"multiply", good, good, "-o", dir}, 2, "is a directory"},
		"no output":         {[]string{"multiply", good, good}, 2, "--output"},
		"JSON and output":   {[]string{"multiply", good, good, "-o", "-", "--json"}, 2, "standard output"},
		"priority":          {[]string{"multiply", good, good, "-o", out, "--priority=5"}, 2, "--priority"},
		"on interrupt":      {[]string{"multiply", good, good, "-o", out, "--on-interrupt=x"}, 2, "--on-interrupt"},
		"too large":         {[]string{"multiply", "random:9000000x1", "random:1x9000000", "-o", out}, 1, "too large"},
		"no such id":        {[]string{"show", unknown}, 4, "it was deleted or has expired"},
		"nonsense id":       {[]string{"show", "x/../y"}, 4, "not found"},
		"cancel nothing":    {[]string{"cancel", unknown}, 4, "not found"},
		"retry nothing":     {[]string{"retry", unknown}, 4, "not found"},
		"result of nothing": {[]string{"result", unknown, "-o", out}, 4, "not found"},
		"server down":       {[]string{"list", "--server=http://127.0.0.1:1"}, 3, "cannot be reached"},
		"not Millrace":      {[]string{"list", "--server=" + page.URL}, 1, "not from a Millrace server"},
		"not TLS":           {[]string{"list", "--server=https" + strings.TrimPrefix(page.URL, "http")}, 3, "cannot be reached"},
		"no server":         {[]string{"list", "--server=127.0.0.1:8080"}, 2, "--server"},
		"state":             {[]string{"list", "--state=done"}, 2, "--state"},
		"limit":             {[]string{"list", "--limit=0"}, 2, "--limit"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := run(t, b.env, test.args...)
			if code != test.code || !strings.Contains(stderr, test.want) || stdout != "" {
				t.Errorf("code %d, %q, %q, want code %d, nothing, %q", code, stdout, stderr, test.code, test.want)
			}
			if !strings.HasPrefix(stderr, "millrace: ") || code != 2 && strings.Count(stderr, "\n") != 1 {
				t.Errorf("got %q, want one line", stderr)
			}
		})
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat(output) = %v, want none", err)
	}
}

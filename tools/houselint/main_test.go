package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRules runs each rule on the files of testdata/RULE, which are a small repository with good and bad code. The
// findings are in want.txt.
func TestRules(t *testing.T) {
	for _, r := range slices.Concat(rules, strictRules) {
		if r.name == "size" {
			continue // see TestSize
		}
		t.Run(r.name, func(t *testing.T) { compare(t, filepath.Join("testdata", r.name), r) })
	}
}

func TestIgnore(t *testing.T) {
	people := slices.IndexFunc(rules, func(r rule) bool { return r.name == "people" })
	compare(t, filepath.Join("testdata", "ignore"), rules[people])
}

// compare compares the findings of a rule in a folder with its want.txt.
func compare(t *testing.T, root string, r rule) {
	t.Helper()
	files, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range lint(files, []rule{r}) {
		fmt.Fprintln(&got, f)
	}
	want, err := os.ReadFile(filepath.Join(root, "want.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("findings:\n%s\nwant:\n%s", &got, want)
	}
}

func TestSize(t *testing.T) {
	root := t.TempDir()
	write(t, root, "long_test.go", "package p\n"+strings.Repeat("\n", maxFileLines))
	write(t, root, "fits/fits.go", "package fits\n"+strings.Repeat("\n", maxFileLines-1))
	var out bytes.Buffer
	if err := run(&out, options{root: root}); !errors.Is(err, errFindings) {
		t.Errorf("run() = %v, want errFindings", err)
	}
	const want = `long_test.go:1: size: the file has 301 lines, at most 300 are allowed
`
	if out.String() != want {
		t.Errorf("findings:\n%s\nwant:\n%s", &out, want)
	}
}

// TestFix rewrites the literals of a copy of testdata/literal. The result is testdata/fixed, and nothing is left to do.
func TestFix(t *testing.T) {
	root := t.TempDir()
	const name = "literal.go"
	write(t, root, name, readText(t, "testdata", "literal", name))
	if err := run(&bytes.Buffer{}, options{root: root, fix: true}); err != nil && !errors.Is(err, errFindings) {
		t.Fatal(err)
	}
	if got, want := readText(t, root, name), readText(t, "testdata", "fixed", name); got != want {
		t.Errorf("the rewritten file:\n%s\nwant:\n%s", got, want)
	}
	files, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if left := lint(files, []rule{{name: "literal", check: checkLiterals}}); len(left) > 0 {
		t.Errorf("%d findings are left, want none: %v", len(left), left)
	}
}

func TestFoldersAndCount(t *testing.T) {
	root := t.TempDir()
	write(t, root, "a/a.sql", "SELECT count(*) FROM river_job;\n")
	write(t, root, "b/b.sql", "UPDATE river_job\n SET state = 'available';\nDELETE FROM river_job;\n")
	var out bytes.Buffer
	if err := run(&out, options{
		root:    root,
		folders: []string{"./b"},
		count:   true,
	}); err != nil {
		t.Fatal(err)
	}
	const want = "         river  total\n      b      2      2\n  total      2      2\n"
	if out.String() != want {
		t.Errorf("counts:\n%s\nwant:\n%s", &out, want)
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	name = filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readText(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// generated is the line by which Go recognizes a generated file.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// TestPackagesStaySmall: a package has at most 20 files with 2,500 lines. Tests and generated files do not count.
func TestPackagesStaySmall(t *testing.T) {
	t.Parallel()
	files, lines := map[string]int{}, map[string]int{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch dir := filepath.Dir(path); {
		case err != nil:
			return err
		case path == "tools" || entry.IsDir() && strings.HasPrefix(path, ".") && path != ".": // another module, caches
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			if err == nil && !generated.Match(text) {
				files[dir]++
				lines[dir] += bytes.Count(text, []byte("\n"))
			}
			return err
		}
		return nil
	})
	if err != nil || files["."] == 0 {
		t.Fatalf("walking through the packages: %v, found %v", err, files)
	}
	for dir := range files {
		if files[dir] > 20 || lines[dir] > 2500 {
			t.Errorf("%s has %d files with %d lines, want at most 20 files with 2,500 lines", dir, files[dir], lines[dir])
		}
	}
}

// foreign matches Kubernetes' types, plots, fonts and PDF: only the module in tools/ may use these packages.
var foreign = regexp.MustCompile(`(?m)^\t?(k8s\.io|sigs\.k8s\.io|gonum\.org/v1/plot|codeberg\.org/go-(pdf|fonts|latex)` +
	`|git\.sr\.ht/~sbinet|github\.com/golang/freetype)\b.*`)

// TestModuleStaysSmall: the binary has no package, and go.mod no module, that foreign matches.
func TestModuleStaysSmall(t *testing.T) {
	t.Parallel()
	linked, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	required, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"the binary": linked, "go.mod": required} {
		if got := foreign.FindAllString(string(text), -1); len(got) > 0 {
			t.Errorf("%s has %q, want none of Kubernetes, plots, fonts and PDF", name, got)
		}
	}
}

// opensConnection matches what opens a connection to Postgres.
var opensConnection = regexp.MustCompile(`\b(pgx\.Connect\w*|pgxpool\.New\w*|pgconn\.Connect\w*|sql\.Open\w*)\(`)

// mayOpenConnections are the folders that may: the one place that sets timeouts, and the private Postgres of dev.
var mayOpenConnections = []string{"store/database/", "internal/devdb/", "internal/testdb/"}

// TestConnectionsHaveTimeouts: connections are opened in one place, which sets their timeouts.
func TestConnectionsHaveTimeouts(t *testing.T) {
	t.Parallel()
	found := false
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		slash := filepath.ToSlash(path)
		switch {
		case err != nil:
			return err
		case path == "tools" || entry.IsDir() && strings.HasPrefix(path, ".") && path != ".": // another module, caches
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		match := opensConnection.Find(text)
		if match == nil || err != nil {
			return err
		}
		found = true
		if !slices.ContainsFunc(mayOpenConnections, func(dir string) bool { return strings.HasPrefix(slash, dir) }) {
			t.Errorf("%s has %s…), want that only store/database opens connections", slash, match)
		}
		return nil
	})
	if err != nil || !found {
		t.Fatalf("walking through the packages: %v, found %v", err, found)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotice: NOTICE names each module of the binary that is under the Mozilla Public License, whose source must be
// offered with the binary.
func TestNotice(t *testing.T) {
	t.Parallel()
	notice, err := os.ReadFile("NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Dir}}{{end}}", ".")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		licenses, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, license := range licenses {
			text, err := os.ReadFile(license)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "Mozilla Public License") {
				want[path] = true
			}
		}
	}
	got := 0
	for line := range strings.Lines(string(notice)) {
		if path, _, found := strings.Cut(line, "  "); found && want[path] {
			got++
		}
	}
	if len(want) == 0 || got != len(want) {
		t.Errorf("NOTICE names %d of the modules under the MPL, want %v", got, want)
	}
}

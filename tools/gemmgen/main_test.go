package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesAreCurrent: what is committed is what the generator writes, and a changed file is noticed.
func TestFilesAreCurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, f := range files() {
		if err := f.apply("../../matrix", true); err != nil {
			t.Error(err)
		}
		if err := f.apply(dir, true); err == nil {
			t.Errorf("the missing file %s is not noticed", f.name)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f.name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.name), append(f.text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.apply(dir, true); err == nil || !strings.Contains(err.Error(), "make generate") {
			t.Errorf("a change of %s gives %v, want an error that names make generate", f.name, err)
		}
	}
}

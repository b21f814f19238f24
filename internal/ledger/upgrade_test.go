package ledger_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// before builds the version before, whose commit is in testdata/before.
func before(t *testing.T) (program string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "before"))
	if err != nil {
		t.Fatal(err)
	}
	commit := strings.TrimSpace(string(content))
	if text, err := exec.Command("git", "cat-file", "-e", commit+"^{commit}").CombinedOutput(); err != nil {
		t.Skipf("the version before, %s, is not in the history of this checkout: a shallow clone needs `git fetch --unshallow`; %s",
			commit, text)
	}
	dir := t.TempDir()
	source, archive, program := filepath.Join(dir, "source"), filepath.Join(dir, "archive.tar"), filepath.Join(dir, "millrace")
	if err := os.Mkdir(source, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"git", "-C", "../..", "archive", "--format=tar", "--output=" + archive, commit},
		{"tar", "-xf", archive, "-C", source},
		{"go", "build", "-C", source, "-trimpath", "-buildvcs=false", "-o", program, "."},
	} {
		if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v, %s", strings.Join(args, " "), err, text)
		}
	}
	return program
}

// TestUpgrade: processes of the version before and of this one work side by side, in any mixture, on a database that this one
// has migrated meanwhile; and so they do on the way back. Nothing that was accepted is lost, wrong or there twice.
// `make upgrade` runs it.
func TestUpgrade(t *testing.T) {
	if !*upgradeFlag {
		t.Skip("it builds the version before: make upgrade")
	}
	old := before(t)
	d := empty(t, "MILLRACE_LEASE=2s")
	d.migrate(old)
	c := &chaos{d: d, fleet: d.newFleet(old)}
	b := newBook()
	l := c.chaosLoad(b)
	defer l.end(0)
	works := func(what string) {
		t.Helper()
		accepted := b.count()
		checked := b.checked.Load()
		until(t, what, func() bool { return b.count() > accepted+100 && b.checked.Load() > checked+100 })
		t.Logf("%s: %d accepted, %d checked so far", what, b.count(), b.checked.Load())
	}
	apis, workers := c.fleet.apis, c.fleet.workers
	exchange := func(what, program string, slots ...*slot) {
		t.Helper()
		for _, s := range slots {
			started := s.count()
			s.replace(program)
			until(t, s.name+" is replaced", func() bool { return s.count() > started })
		}
		works(what)
	}
	works("the version before")
	d.migrate("")
	works("the version before, on the new schema")
	exchange("a new worker beside old ones", "", workers[0])
	exchange("a new API, too", "", apis[0])
	exchange("new workers, and an old API", "", workers[1:]...)
	exchange("the new version", "", apis[1])
	exchange("back: an old API, and new workers", old, apis[0])
	exchange("back: an old worker, too", old, workers[0])
	exchange("back: a new API, and old workers", old, workers[1:]...)
	exchange("the version before again", old, apis[1])
	l.end(quietPeriod)
	r := b.reckon(d.cluster)
	c.fleet.stop()
	t.Logf("\n%s", r.table())
	for _, problem := range r.problems {
		t.Error(problem)
	}
}

// count returns how many processes a slot has had.
func (s *slot) count() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.started
}

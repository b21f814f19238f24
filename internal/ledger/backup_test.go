package ledger_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// postgresTool returns the path of a program that comes with Postgres.
func postgresTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); err != nil && len(found) > 0 {
		return found[len(found)-1]
	}
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if text, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v, %s", name, err, text)
	}
}

// copyDirectory copies a directory in which others write and delete. What vanishes meanwhile is left out.
func copyDirectory(t *testing.T, to, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return skipMissing(err)
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.Mkdir(filepath.Join(to, name), 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return skipMissing(err)
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBackup: a dump of the database of a system at work, and then a copy of its blocks, are a backup. On what is restored all
// that was accepted before the dump is there, ends, and has the right values; what the dump has of later ones does, too.
func TestBackup(t *testing.T) {
	t.Parallel()
	dump, restore := postgresTool(t, "pg_dump"), postgresTool(t, "pg_restore")
	d := deploy(t)
	b := newBook()
	l := d.newLoad(b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.cancel = cancel
	for _, next := range []func() order{small, small, awaited, formed, stored, shared(), large} {
		l.clients.Go(func() { l.run(ctx, next) })
	}
	defer l.end(0)
	until(t, "the load runs", func() bool { return b.checked.Load() > 60 })
	b.mutex.Lock()
	promised := maps.Clone(b.accepted)
	b.mutex.Unlock()

	dir := t.TempDir()
	file, blocks := filepath.Join(dir, "dump"), filepath.Join(dir, "blocks")
	command(t, dump, "--format=custom", "--compress=0", "--file="+file, d.cluster.server.URL())
	copyDirectory(t, blocks, d.blocks)
	l.end(waitTimeout)

	again := empty(t, "MILLRACE_LEASE="+lease.String())
	again.blocks = blocks
	again.env[0] = "MILLRACE_BLOCKS=file://" + blocks
	command(t, restore, "--exit-on-error", "--dbname="+again.cluster.server.URL(), file)
	again.startAPI("127.0.0.1:0")
	for range workerCount {
		again.startWorker()
	}
	there := map[string]bool{}
	after := again.newLoad(newBook())
	patient, stop := context.WithTimeout(t.Context(), waitTimeout)
	defer stop()
	var clients sync.WaitGroup
	limit := make(chan struct{}, 8)
	for _, row := range list[balance](again.cluster, balances) {
		there[row.ID] = true
		o, known := b.accepted[row.ID]
		if !known {
			continue // its client was not told before the load ended
		}
		clients.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			after.finish(patient, row.ID, o)
			if m := after.book.end(row.ID); m.State != "completed" {
				t.Errorf("%s %s has ended as %+v, want completed", o.kind, row.ID, m)
			}
		})
	}
	clients.Wait()
	for id, o := range promised {
		if !there[id] {
			t.Errorf("lost: %s %s, which was accepted before the dump", o.kind, id)
		}
	}
	for _, err := range after.book.complaints {
		t.Error(err)
	}
	if got := after.book.checked.Load(); got < int64(len(promised)) {
		t.Errorf("%d results are right after the restore, want at least the %d that were accepted before the dump", got, len(promised))
	}
}

package jobs_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
)

// lines collects the lines of a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// of returns the lines about a multiplication.
func (l *lines) of(id uuid.UUID) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, id.String()) {
			found = append(found, line)
		}
	}
	return found
}

// wait returns the one line about a multiplication.
func (l *lines) wait(t *testing.T, id uuid.UUID) string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(waitTimeout)
	for len(l.of(id)) == 0 {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no line about %s", id)
		}
	}
	if found := l.of(id); len(found) > 1 {
		t.Errorf("lines %q, want one", found)
	}
	return l.of(id)[0]
}

// logging returns a client with so many slots for each kind of work, whose log is written to lines.
func (b *testBundle) logging(log *lines, slots int) *jobs.Client {
	b.t.Helper()
	c, err := jobs.NewClient(b.store, tile.NewEngine(b.kernel), queue.Config{
		Work:     true,
		Lead:     true,
		Tiles:    slots,
		Small:    slots,
		SoftStop: 10 * time.Second,
	}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Stop)
	return c
}

// TestEndsAreLogged: a multiplication that ends has one line, with its state, shape and attempts; that of one that a
// client has cancelled is no warning.
func TestEndsAreLogged(t *testing.T) {
	b := setup(t)
	log := &lines{}
	c := b.logging(log, 2)
	cancelled := b.submit(c, 3, 4, 5)
	err := b.store.For(identity.DefaultTenant).InTx(t.Context(), func(tx *store.TenantTx) error {
		return c.CancelTx(t.Context(), tx, cancelled)
	})
	if err != nil {
		t.Fatal(err)
	}
	completed := b.submit(c, 5, 6, 7)
	inlined := b.accept(c, b.offer(c, 2, 3, 4, 1))[0]
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[uuid.UUID][]string{
		cancelled: {"level=INFO", "state=cancelled", "shape=3×4×5", "seconds=", "tenant=1"},
		completed: {"level=INFO", "state=completed", "shape=5×6×7", "seconds=", "attempts=1", "tenant=1"},
		inlined:   {"level=INFO", "state=completed", "shape=2×3×4", "seconds=", "attempts=1", "tenant=1"},
	} {
		line := log.wait(t, id)
		for _, text := range want {
			if !strings.Contains(line, text) {
				t.Errorf("the line is %q, want %q in it", line, text)
			}
		}
	}
}

// TestBundleIsLogged: several that end together have one line.
func TestBundleIsLogged(t *testing.T) {
	b := setup(t)
	log := &lines{}
	c := b.logging(log, 1)
	ids := b.accept(c, b.offer(c, 2, 3, 4, 1), b.offer(c, 2, 3, 4, 2), b.offer(c, 2, 3, 4, 3))
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b.ends(id, jobs.Completed)
	}
	c.Stop()
	log.mu.Lock()
	defer log.mu.Unlock()
	if n := strings.Count(log.text.String(), "bundle ended"); n != 1 || !strings.Contains(log.text.String(), "completed=3") {
		t.Errorf("%d lines about a bundle, want one about three: %s", n, log.text.String())
	}
	if strings.Contains(log.text.String(), "multiplication ended") {
		t.Errorf("a multiplication of a bundle has a line of its own: %s", log.text.String())
	}
}

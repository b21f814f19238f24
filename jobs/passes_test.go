package jobs

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// TestFailedPasses: what an API looks for again and again says so when it fails, once for each pass, and says nothing
// when it finds nothing, or when the process ends meanwhile.
func TestFailedPasses(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	files, err := blocks.NewFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	c, err := NewClient(store.Open(pool, files, time.Hour), nil, queue.Config{Lead: true, Lease: time.Second}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	passes := map[string]func(context.Context){
		"enqueueing the next tiles":      c.feed,
		"reconciling multiplications":    c.reconcileJustNow,
		"rescuing the jobs of lost work": func(ctx context.Context) { c.rescued(ctx, nil, pool.Ping(ctx)) },
	}
	ended, end := context.WithCancel(t.Context())
	end()
	pass := func(state string, ctx context.Context, want int) {
		for text, f := range passes {
			lines.Reset()
			f(ctx)
			if got := strings.Count(lines.String(), text); got != want || strings.Count(lines.String(), "\n") != want {
				t.Errorf("%s: %d lines about %q, want %d: %s", state, got, text, want, lines.String())
			}
		}
	}
	pass("nothing to do", t.Context(), 0)
	pass("the process ends", ended, 0)
	pool.Close()
	pass("without a database", t.Context(), 1)
}

package jobs_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs/queue"
)

// TestChangesAreTold: each change of a multiplication is told to those that wait for it: its start, its progress, its
// end, a retry, its deletion.
func TestChangesAreTold(t *testing.T) {
	b := setup(t)
	conn, err := pgx.Connect(t.Context(), testdb.URL(b.store.Pool))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `LISTEN "public.millrace_ends"; LISTEN "public.millrace_progress"`); err != nil {
		t.Fatal(err)
	}
	told := func(after, channel string, id uuid.UUID) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
		defer cancel()
		for {
			n, err := conn.WaitForNotification(ctx)
			if err != nil {
				t.Fatalf("%s: no notification of %s: %v", after, channel, err)
			}
			if n.Channel == "public.millrace_"+channel && strings.Contains(n.Payload, id.String()) {
				return
			}
		}
	}
	release := b.kernel.block()
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Tiles: 1,
	})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET state = 'scheduled', scheduled_at = now() + interval '1 day' WHERE args->>'tile' <> '0'")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	told("the start of a tile", "progress", id)
	release()
	told("the end of a tile", "progress", id)
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	told("the cancellation", "ends", id)
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	told("the retry", "progress", id)
	told("the last tile", "ends", id)
	if err := b.delete(c, id); err != nil {
		t.Fatal(err)
	}
	told("the deletion", "ends", id)
	inlined := b.accept(c, b.offer(c, 2, 3, 4, 1))[0]
	told("the bundle", "ends", inlined)
}

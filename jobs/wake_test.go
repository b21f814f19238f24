package jobs_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs/queue"
)

// TestWorkersAreWoken: workers are notified of what is submitted and of what is retried, on the channel and in the form
// that River knows.
func TestWorkersAreWoken(t *testing.T) {
	b := setup(t)
	conn, err := pgx.Connect(t.Context(), testdb.URL(b.store.Pool))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `LISTEN "public.river_insert"`); err != nil {
		t.Fatal(err)
	}
	expectWake := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
		defer cancel()
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var payload struct{ Queue string }
		if err := json.Unmarshal([]byte(n.Payload), &payload); err != nil || payload.Queue != want {
			t.Errorf("got the payload %s (%v), want one of queue %s", n.Payload, err, want)
		}
	}
	c := b.client(queue.Config{})
	id := b.submit(c, 2, 2, 2)
	expectWake(queue.Small)
	b.submit(c, fourM, fourK, fourN)
	expectWake(queue.Tiles)
	for range 3 {
		b.submit(c, 2, 2, 2)
		expectWake(queue.Small)
	}
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	expectWake(queue.Small)
	b.submit(c, 0, 1, 1) // has no jobs
	b.submit(c, fourM, fourK, fourN)
	expectWake(queue.Tiles)
}

package jobs_test

import (
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
)

// Workers hear of what is submitted and of what is taken up again, on the channel and in the form that River knows.
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
	woken := func(queue string) {
		t.Helper()
		n, err := conn.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var payload struct{ Queue string }
		if err := json.Unmarshal([]byte(n.Payload), &payload); err != nil || payload.Queue != queue {
			t.Errorf("the payload is %s, %v, want %s", n.Payload, err, queue)
		}
	}
	c := b.client(jobs.Config{})
	id := b.submit(c, 2, 2, 2) // the first of all that River announces itself, too
	woken(jobs.QueueSmall)
	woken(jobs.QueueSmall)
	b.submit(c, fourM, fourK, fourN)
	woken(jobs.QueueTiles)
	woken(jobs.QueueTiles)
	for range 3 {
		b.submit(c, 2, 2, 2)
		woken(jobs.QueueSmall)
	}
	if err := c.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := c.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	woken(jobs.QueueSmall)
	b.submit(c, 0, 1, 1) // nothing to work on
	b.submit(c, fourM, fourK, fourN)
	woken(jobs.QueueTiles)
}

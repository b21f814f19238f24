package jobs_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store/inline"
)

// told is what clients read of a multiplication that must not change, and its operands and result.
func (b *testBundle) told(id uuid.UUID) string {
	b.t.Helper()
	m, err := b.observer.Get(b.t.Context(), identity.DefaultTenant, id)
	if err != nil {
		b.t.Fatal(err)
	}
	text := fmt.Sprintf("%s %s, priority %d, %+v times %+v is %+v, since %s, %s to %s, %d of %d tiles, %d attempts",
		m.ID, m.State, m.Priority, m.A, m.B, m.C, m.CreatedAt.UTC(), utc(m.StartedAt), utc(m.FinishedAt), m.TilesCompleted,
		m.TilesTotal, m.Progress.Attempts)
	for _, part := range []inline.Part{inline.PartA, inline.PartB, inline.PartC} {
		matrix := b.matrix(part.ID(id))
		text += fmt.Sprintf("; %s %s %s %x", matrix.Source, matrix.State, matrix.Shape(), matrix.Content)
	}
	return text
}

func utc(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().String()
}

// TestDownExpandsInline: without inline multiplications each has the rows of any other, and those that wait a job in its
// place in line; up again, they are completed. No job is left that the version before does not know.
func TestDownExpandsInline(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids := b.accept(c, b.offer(c, 2, 3, 4, 1), b.offer(c, 5, 1, 5, 2))
	for _, id := range ids {
		b.ends(id, jobs.Completed)
	}
	b.untilCount(0, bundles+" AND finalized_at IS NULL")
	c.Stop()
	other := b.client(queue.Config{})
	var waiting []uuid.UUID
	for i := range 8 {
		o := b.offer(other, 3, 2, 1, float64(i))
		o.Priority = int16(1 + i%4)
		waiting = append(waiting, b.accept(other, o)...)
	}
	ordinary := b.submit(other, 5, 5, 5) // later than all of them
	b.exec("UPDATE river_job SET state = 'running' WHERE id = (SELECT max(id) FROM river_job WHERE kind = 'multiply_inline')")
	before := map[uuid.UUID]string{}
	for _, id := range slices.Concat(ids, waiting) {
		before[id] = b.told(id)
	}

	b.down(inline.Since - 1)
	b.wantText("jobs of bundles", "SELECT count(*) FROM river_job WHERE kind = 'multiply_inline' AND finalized_at IS NULL", "0")
	b.wantText("multiplications, in the order in which they are listed", "SELECT array_agg(id ORDER BY created_at, id) = "+
		"array_agg(id ORDER BY id) FROM multiplications", "true")
	b.wantText("jobs that wait", "SELECT count(*) FROM river_job WHERE kind = 'multiply_tile' AND state = 'available'", "9")
	b.wantText("their order, by place in line", `SELECT array_agg(args->>'multiplication_id' ORDER BY scheduled_at, id) =
		array_agg(args->>'multiplication_id' ORDER BY (args->>'multiplication_id')::uuid) FROM river_job WHERE kind = 'multiply_tile'`, "true")
	b.wantText("their priorities", `SELECT bool_and(j.priority = m.priority AND j.queue = 'small') FROM river_job j
		JOIN multiplications m ON m.id::text = j.args->>'multiplication_id'`, "true")
	b.wantText("foreign keys", "SELECT count(*) FROM multiplications m JOIN matrices a ON a.id = m.a JOIN matrices b ON b.id = m.b "+
		"JOIN matrices c ON c.id = m.c", "11")

	b.up()
	for id, want := range before {
		if got := b.told(id); got != want {
			t.Errorf("after down and up: got\n%s\nwant\n%s", got, want)
		}
	}
	worker := b.start()
	defer worker.Stop()
	for _, id := range append(waiting, ordinary) {
		m := b.ends(id, jobs.Completed)
		if m.Progress.Attempts != 1 {
			t.Errorf("%s: %d attempts, want 1", id, m.Progress.Attempts)
		}
		b.expectResult(id)
	}
	b.wantCounts(pendingRows, 0, completedRows, 0, ordinaryRows+" WHERE events <> 2", 0)
}

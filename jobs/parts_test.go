package jobs_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
)

// partsEach is how many parts a tile of the tests has.
const partsEach = 5

// submitInParts submits a cheap multiplication, and makes it one of so many tiles, 1 or 4, of five parts each, as if its
// inner dimension were long. There must be no workers yet.
func (b *testBundle) submitInParts(c *jobs.Client, tiles int64) uuid.UUID {
	b.t.Helper()
	const side = 300
	id := b.submit(c, side, partsEach*8-1, side)
	pieces := tiles * (partsEach + 1)
	b.exec(`INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
		SELECT kind, args || jsonb_build_object('tile', t), max_attempts, metadata, priority, 'tiles', scheduled_at, state, tags
		FROM river_job, generate_series(1, $2::int - 1) AS t
		WHERE args->>'multiplication_id' = $1 ORDER BY t`, id.String(), pieces)
	b.exec("UPDATE river_job SET queue = 'tiles' WHERE args->>'multiplication_id' = $1", id.String())
	tile := int64(side)
	if tiles > 1 {
		tile /= 2
	}
	b.exec(`UPDATE multiplications SET tile_depth = 8, tile_rows = $2, tile_cols = $2, tiles_total = $3,
		last_job = (SELECT max(id) FROM river_job) WHERE id = $1`, id, tile, pieces)
	b.exec(`UPDATE matrices x SET block_rows = $2, block_cols = $2 FROM multiplications m WHERE m.id = $1 AND x.id = m.c`,
		id, tile)
	return id
}

// contentWithoutParts returns the elements of the result, and checks that no part is left.
func (b *testBundle) contentWithoutParts(id uuid.UUID) []byte {
	b.t.Helper()
	m, err := b.store.For(identity.DefaultTenant).Whole(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	content := make([]byte, m.C.Shape().Bytes())
	if err := b.store.Source(m.C).ReadRect(b.t.Context(), m.C.Shape().Rect(), content); err != nil {
		b.t.Fatal(err)
	}
	b.untilBlocks(m.C.ID, m.C.Grid().Blocks())
	return content
}

// untilBlocks waits until a matrix has so many blocks. Parts are deleted after their tile was counted.
func (b *testBundle) untilBlocks(id uuid.UUID, want int64) {
	b.t.Helper()
	timeout := time.After(waitTimeout)
	for {
		got, err := b.store.Blocks.Count(b.t.Context(), id)
		if err == nil && got == want {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-timeout:
			b.t.Fatalf("the result has %d blocks after %s (%v), want %d", got, waitTimeout, err, want)
		}
	}
}

// TestParts: tiles that are sums of parts are computed by any number of workers, right and with the same bits, and their
// parts are deleted.
func TestParts(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Tiles: 1})
	const pieces = 4 * (partsEach + 1)
	alone := b.submitInParts(c, 4)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := b.ends(alone, jobs.Completed)
	if m.TilesCompleted != pieces || m.Progress.Attempts != pieces || len(m.Errors) != 0 {
		t.Errorf("got %d completed tiles, %d attempts and the errors %v, want %d, %[4]d and none",
			m.TilesCompleted, m.Progress.Attempts, m.Errors, pieces)
	}
	b.expectResult(alone)
	<-stop(c)
	var workers [2]*jobs.Client
	for i := range workers {
		workers[i] = b.client(queue.Config{Work: true, Tiles: 3})
	}
	together := b.submitInParts(workers[0], 4)
	for _, c := range workers {
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.ends(together, jobs.Completed)
	if !bytes.Equal(b.contentWithoutParts(alone), b.contentWithoutParts(together)) {
		t.Error("several workers have computed other bits than one")
	}
}

// TestSumWaits: a sum that is fetched while parts are computed is put off, and loses no attempt.
func TestSumWaits(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Tiles: partsEach + 1,
	})
	id := b.submitInParts(c, 1)
	release := b.kernel.block()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.untilCount(1, `SELECT count(*) FROM river_job WHERE args->>'tile' = $1 AND (metadata->>'snoozes')::int > 0
		AND attempt = 0 AND errors IS NULL`, "5")
	release()
	m := b.ends(id, jobs.Completed)
	if len(m.Errors) != 0 {
		t.Errorf("got the errors %+v, want none", m.Errors)
	}
	b.contentWithoutParts(id)
}

// TestRetryKeepsParts: parts that were computed before a cancellation are not computed again, and its deletion leaves
// none of them.
func TestRetryKeepsParts(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Tiles: 1})
	id := b.submitInParts(c, 1)
	b.exec(`UPDATE river_job SET scheduled_at = now() + interval '1 day' WHERE (args->>'tile')::int >= 2`)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := b.until(id, "with two parts", func(m jobs.Multiplication) bool { return m.TilesCompleted == 2 })
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	b.untilJobsEnd(id)
	before := b.kernel.calls.Load()
	if n, err := b.store.Blocks.Count(t.Context(), m.C.ID); err != nil || n == 0 {
		t.Errorf("Count() = %d, %v, want the blocks of two parts", n, err)
	}
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Completed)
	if calls := b.kernel.calls.Load() - before; calls != partsEach-2 {
		t.Errorf("got %d calls of the kernel after the retry, want %d", calls, partsEach-2)
	}
	b.expectResult(id)
	if err := b.delete(c, id); err != nil {
		t.Fatal(err)
	}
	b.untilBlocks(m.C.ID, 0)
}

// TestLatePart: the last sum deletes parts that a process has left behind, and so does a process that is late with one.
func TestLatePart(t *testing.T) {
	b := setup(t)
	id := b.submitInParts(b.client(queue.Config{}), 1)
	m, err := b.store.For(identity.DefaultTenant).Whole(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	left := m.C.Grid().Blocks() + 1<<40
	if err := b.store.Blocks.Put(t.Context(), m.C.ID, left, []byte("left behind")); err != nil {
		t.Fatal(err)
	}
	frozen, kernel, thaw := b.freeze(1)
	kernel.waitForCalls(t, 1)
	b.exec("UPDATE river_job SET state = 'available' WHERE state = 'running'") // as after a rescue
	c := b.client(queue.Config{Work: true, Tiles: 2})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Completed)
	b.contentWithoutParts(id)
	thaw()
	<-stop(frozen)
	b.contentWithoutParts(id)
	b.expectResult(id)
}

// TestSumOfLostPart: a sum whose parts are gone fails, and says what is missing.
func TestSumOfLostPart(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Tiles: 1})
	id := b.submitInParts(c, 1)
	b.exec(`UPDATE river_job SET scheduled_at = now() + interval '1 day' WHERE (args->>'tile')::int >= 5`)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := b.until(id, "with all parts of a tile", func(m jobs.Multiplication) bool { return m.TilesCompleted == partsEach })
	if err := b.store.Blocks.Delete(t.Context(), m.C.ID); err != nil {
		t.Fatal(err)
	}
	b.exec(`UPDATE river_job SET scheduled_at = now() WHERE args->>'tile' = '5'`)
	m = b.until(id, "failing", func(m jobs.Multiplication) bool { return len(m.Errors) > 0 })
	if m.Errors[0].Tile != partsEach {
		t.Errorf("got the errors %+v, want one of tile %d", m.Errors, partsEach)
	}
}

// TestSumAgain: a sum whose job was deleted in River UI after it had added up its parts, and deleted them, is in the
// result already.
func TestSumAgain(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Tiles: 1})
	id := b.submitInParts(c, 1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Completed)
	b.contentWithoutParts(id)
	b.exec("UPDATE multiplications SET state = 'cancelled', tiles_completed = $1", partsEach)
	b.exec("UPDATE matrices SET state = 'uploading' WHERE block_rows > 0")
	b.exec("DELETE FROM river_job WHERE args->>'tile' = $1", fmt.Sprint(partsEach))
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	if m := b.ends(id, jobs.Completed); len(m.Errors) != 0 {
		t.Errorf("got the errors %+v, want none", m.Errors)
	}
	b.expectResult(id)
}

// TestPartsAreNotKnown: while a process runs that does not know parts, nothing is accepted that would have some.
func TestPartsAreNotKnown(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	b.exec("INSERT INTO workers (id, schema_version) VALUES ('of the version before', 12)")
	long := jobs.Submission{
		A:        random(1, 1<<31, 1),
		B:        random(1<<31, 1, 2),
		Priority: 1,
	}
	if _, err := b.trySubmit(c, long); !errors.Is(err, jobs.ErrOlderProcesses) {
		t.Errorf("SubmitTx() = %v, want %v", err, jobs.ErrOlderProcesses)
	}
	if n := b.count("SELECT count(*) FROM matrices"); n != 0 {
		t.Errorf("got %d matrices, want 0", n)
	}
	b.submit(c, 300, 300, 300)
	b.exec("DELETE FROM workers")
	m, err := b.trySubmit(c, long)
	if err != nil || m.TilesTotal != 17 || b.tileJobs("args->>'multiplication_id' = $1", m.ID.String()) != 17 {
		t.Errorf("SubmitTx() = %+v, %v, want 16 parts and a sum", m, err)
	}
}

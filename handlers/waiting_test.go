package handlers_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/admission"
)

// tiled is a submission of 20 tiles, each of some seconds of a core.
const tiled = `{"a": {"random": {"rows": 10000, "cols": 10000}}, "b": {"random": {"rows": 10000, "cols": 10000}}}`

// fleet pretends that workers run which work a number of tiles at once.
const fleet = `INSERT INTO workers (id, renewed_at, expires_at, tile_slots)
	VALUES ('fleet', now(), now() + interval '1 hour', 2)`

// TestWaiting: an unfinished multiplication says what it waits for, and one that has finished does not. The times are
// estimates, which the entity tag is not about.
func TestWaiting(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, limits: handlers.Limits{MaxMatrixBytes: 4 << 30}})
	first, second := b.submit(t, tiled).ID, b.submit(t, tiled).ID
	m := b.status(t, second)
	if w := m.Waiting; w == nil || w.TilesAhead < 1 || w.TilesAhead > m.Tiles.Total || w.EstimatedEnd != nil {
		t.Errorf("without workers got %+v, want some tiles ahead, and no times", m.Waiting)
	}
	b.exec(t, fleet)
	id := b.submit(t, tiled).ID // what is new is looked at now
	m = b.status(t, id)
	if w := m.Waiting; w == nil || w.EstimatedStart == nil || w.EstimatedEnd == nil ||
		!w.EstimatedEnd.After(*w.EstimatedStart) || w.EstimatedEnd.Before(time.Now()) {
		t.Errorf("with workers got %+v, want a start before an end to come", w)
	}
	b.exec(t, `UPDATE river_job SET state = 'retryable', scheduled_at = now() + interval '1 minute',
		errors = ARRAY['{"attempt": 1, "at": "2026-01-01T00:00:00Z", "error": "broken"}'::jsonb]
		WHERE tags[1] = $1 AND args->>'tile' = '3'`, id)
	if w := b.status(t, id).Waiting; w == nil || w.NextAttempt == nil || w.LastError != "broken" {
		t.Errorf("after a failure got %+v, want the next attempt and the last error", w)
	}
	path := "/v1/multiplications/" + first
	etag := b.get(t, path).want(t, http.StatusOK).Header.Get("ETag")
	b.cancel(t, second).want(t, http.StatusOK)
	b.cancel(t, id).want(t, http.StatusOK)
	if other := b.submit(t, tiled).ID; b.status(t, other).Waiting == nil {
		t.Error("got nothing that it waits for")
	}
	b.get(t, path, "If-None-Match", etag).want(t, http.StatusNotModified)
	if m := b.status(t, second); m.Waiting != nil {
		t.Errorf("after the end got %+v, want nothing", m.Waiting)
	}
}

// TestOverload: above the limit of queued work a tenant's submissions are refused, with the time after which they will
// be accepted. Small ones are in another queue, and what was accepted before is accepted again under its key.
func TestOverload(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{
		idle:   true,
		limits: handlers.Limits{MaxMatrixBytes: 4 << 30},
		accept: jobs.Limits{Queued: admission.Limits{Tiles: 5 * time.Second}},
	})
	b.exec(t, fleet)
	const path = "/v1/multiplications"
	first := b.keyed(t, "k", path, jsonType, []byte(tiled)).want(t, http.StatusAccepted)
	id := decode[resource.Multiplication](t, first).ID
	b.status(t, id) // which looks at the line
	refused := b.post(t, path, jsonType, []byte(tiled)).want(t, http.StatusTooManyRequests)
	if after, err := strconv.Atoi(refused.Header.Get("Retry-After")); err != nil || after < 5 || after > 60 {
		t.Errorf("Retry-After is %q, want some 15 seconds", refused.Header.Get("Retry-After"))
	}
	b.batch(t, jsonType, "["+tiled+"]").want(t, http.StatusTooManyRequests)
	if got := b.refused(t, guard.Backlog); got != 2 {
		t.Errorf("%v requests are counted as refused, want 2", got)
	}
	b.keyed(t, "k", path, jsonType, []byte(tiled)).want(t, http.StatusAccepted)
	b.submit(t, `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`)
	b.cancel(t, id).want(t, http.StatusOK)
	if _, ok := b.jobs.Queue().Line().Estimate(t.Context(), uuid.New()); ok {
		t.Error("what does not exist has an outlook")
	}
	b.submit(t, tiled)
}

// TestBatchesAtOnce: what a batch asks for counts as queued as soon as it is admitted, for the batches of its tenant that
// come before it is accepted, and no longer than it is under way.
func TestBatchesAtOnce(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{
		idle:   true,
		accept: jobs.Limits{Queued: admission.Limits{Small: 40 * time.Second}},
	})
	q := b.jobs.Queue()
	if _, err := q.ReadDepths(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Line().Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	const order = `{"a":{"values":[[1]]},"b":{"values":[[1]]}}`
	slow, send := io.Pipe()
	var first sync.WaitGroup
	first.Go(func() {
		b.do(t, http.MethodPost, batchPath, slow, "Content-Type", jsonType).want(t, http.StatusBadRequest)
	})
	if _, err := io.WriteString(send, "["+strings.Repeat(order+",", 1000)); err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { return b.batch(t, jsonType, "["+order+"]").StatusCode == http.StatusTooManyRequests })
	_ = send.Close()
	first.Wait() // the array does not end, so nothing of it is accepted
	b.batch(t, jsonType, "["+order+"]").want(t, http.StatusOK)
}

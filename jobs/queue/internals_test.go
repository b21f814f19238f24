package queue

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// TestRiverVersion: an update of River needs the facts of internals.go checked again.
func TestRiverVersion(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\s*github\.com/riverqueue/river (v\S+)`).FindSubmatch(text)
	if found == nil {
		t.Fatal("go.mod does not require River")
	}
	if got := string(found[1]); got != riverVersion {
		t.Errorf("go.mod requires River %s, want %s: check internals.go against it, then set riverVersion", got, riverVersion)
	}
}

// riverClient returns a client of River as it is without Millrace's settings.
func (b *testBundle) riverClient(config *river.Config) *river.Client[pgx.Tx] {
	b.t.Helper()
	config.Logger = b.log
	c, err := river.NewClient(riverpgxv5.New(b.store.Pool), config)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// insert enqueues a job as River does it by itself, and returns its id.
func (b *testBundle) insert(c *river.Client[pgx.Tx], queue string) int64 {
	b.t.Helper()
	inserted, err := c.Insert(b.t.Context(), tileArgs{}, &river.InsertOpts{Queue: queue, MaxAttempts: MaxAttempts})
	if err != nil {
		b.t.Fatal(err)
	}
	return inserted.Job.ID
}

// TestCancelMark: River sets cancelMark when it cancels a running job.
func TestCancelMark(t *testing.T) {
	b := setup(t)
	began := make(chan int64, 1)
	release := make(chan struct{})
	c := b.start(Config{Work: true}, func(_ context.Context, job *river.Job[tileArgs]) error {
		began <- job.ID
		<-release
		return nil
	})
	defer close(release)
	b.insert(c.river, Tiles)
	id := receive(t, "attempt", began)
	job, err := c.river.JobCancel(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	marked := query[bool](b, "SELECT metadata ? $1 FROM river_job WHERE id = $2", cancelMark, id)
	if job.State != rivertype.JobStateRunning || !marked {
		t.Errorf("after JobCancel() the job is %s, has the mark: %t, want running and true", job.State, marked)
	}
}

// TestMarkedJobDoesNotRunAgain: River cancels a job that has cancelMark when its attempt fails; it would retry another
// one.
func TestMarkedJobDoesNotRunAgain(t *testing.T) {
	b := setup(t)
	began := make(chan int64, 1)
	gate := make(chan struct{})
	fail := sync.OnceFunc(func() { close(gate) })
	c := b.start(Config{Work: true}, func(_ context.Context, job *river.Job[tileArgs]) error {
		began <- job.ID
		<-gate
		return errors.New("failed")
	})
	defer fail()
	ended, unsubscribe := c.river.Subscribe(river.EventKindJobCancelled, river.EventKindJobFailed)
	defer unsubscribe()
	b.insert(c.river, Tiles)
	id := receive(t, "attempt", began)
	if err := c.db.MarkCancelled(t.Context(), cancelMark, id); err != nil {
		t.Fatal(err)
	}
	fail()
	receive(t, "event", ended)
	if state := query[string](b, "SELECT state::text FROM river_job WHERE id = $1", id); state != "cancelled" {
		t.Errorf("after a failed attempt the marked job is %s, want cancelled", state)
	}
}

// TestMarkedJobIsNotRescued: so does River's own rescuer with a job that has run for too long.
func TestMarkedJobIsNotRescued(t *testing.T) {
	b := setup(t)
	c := b.riverClient(&river.Config{
		Workers: workers(idle),
		Queues:  map[string]river.QueueConfig{Small: {MaxWorkers: 1}},
	})
	marked := b.insert(c, Tiles)
	other := b.insert(c, Tiles)
	b.exec(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '2 hours',
		attempted_by = '{dead}'`)
	b.exec("UPDATE river_job SET metadata = jsonb_build_object($1::text, now()) WHERE id = $2", cancelMark, marked)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop(context.Background()) }()
	timeout := time.After(waitTimeout)
	for query[int](b, "SELECT count(*)::int FROM river_job WHERE state = 'running'") > 0 {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-timeout:
			t.Fatalf("River's rescuer has not run within %s", waitTimeout)
		}
	}
	const ended = "SELECT finalized_at IS NOT NULL FROM river_job WHERE id = $1"
	if !query[bool](b, ended, marked) || query[bool](b, ended, other) {
		t.Errorf("the marked job has ended: %t, the other one: %t, want true and false",
			query[bool](b, ended, marked), query[bool](b, ended, other))
	}
}

// TestErrorKeys: an element of a job's errors has the keys that statements read and write.
func TestErrorKeys(t *testing.T) {
	b := setup(t)
	fails := func(context.Context, *river.Job[tileArgs]) error { return errors.New("failed") }
	c := b.start(Config{Work: true}, fails)
	failed, unsubscribe := c.river.Subscribe(river.EventKindJobFailed)
	defer unsubscribe()
	group := b.enqueue(c, Small, 5, 5, 5)
	c.Wake(Small)
	receive(t, "event", failed)
	element := query[map[string]any](b, "SELECT errors[1] FROM river_job WHERE id = $1", group.First)
	want := []string{errorAt, errorAttempt, errorMessage, errorTrace}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(element)); !slices.Equal(got, want) {
		t.Errorf("an element of errors has the keys %v, want %v", got, want)
	}

	var batch pgx.Batch
	errs := BatchErrors(&batch, []uuid.UUID{group.ID}, 1)
	if err := b.store.SendBatch(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	read := errs[group.ID]
	if len(read) != 1 || read[0].Attempt != 1 || read[0].Message != "failed" || time.Since(read[0].At) > waitTimeout {
		t.Errorf("BatchErrors() = %+v, want the error of attempt 1, failed, of just now", read)
	}
}

// TestInsertNotification: River notifies of inserts on insertChannel, in the form of wakePayload.
func TestInsertNotification(t *testing.T) {
	b := setup(t)
	notified := b.listen()
	if want := "public." + insertChannel.Name; insertNotifications != want {
		t.Fatalf("the test listens on %s, want %s", insertNotifications, want)
	}
	b.insert(b.riverClient(&river.Config{}), Tiles)
	var got, want map[string]any
	payload := notified.next()
	if err := json.Unmarshal([]byte(payload), &got); err != nil {
		t.Fatalf("payload %s: %v", payload, err)
	}
	if err := json.Unmarshal([]byte(wakePayload(Tiles)), &want); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("River's payload is %s, want one like %s", payload, wakePayload(Tiles))
	}
}

// TestWakeReachesProducers: a producer of River that is notified by Wake fetches at once; its next poll would be too
// late.
func TestWakeReachesProducers(t *testing.T) {
	b := setup(t)
	silent := b.client(Config{}, idle)
	b.insert(silent.river, Tiles) // with the only notification of this client, before there is a listener
	worked := make(chan int64, 10)
	producer := b.riverClient(&river.Config{
		Workers: workers(func(_ context.Context, job *river.Job[tileArgs]) error {
			worked <- job.ID
			return nil
		}),
		Queues:                 map[string]river.QueueConfig{Tiles: {MaxWorkers: 10}},
		FetchCooldown:          time.Millisecond,
		FetchPollInterval:      time.Hour,
		LeaderElectionDisabled: true,
	})
	if err := producer.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = producer.Stop(context.Background()) }()
	receive(t, "job of the first fetch", worked)

	id := b.insert(silent.river, Tiles)
	timeout := time.After(waitTimeout)
	for {
		silent.Wake(Tiles)
		select {
		case got := <-worked:
			if got != id {
				t.Errorf("got job %d, want %d", got, id)
			}
			return
		case <-time.After(100 * time.Millisecond): // River may not have been listening yet
		case <-timeout:
			t.Fatalf("the job was not worked within %s of its notification", waitTimeout)
		}
	}
}

// TestSilentCooldown: with silentCooldown River sends one notification per queue, and no more.
func TestSilentCooldown(t *testing.T) {
	b := setup(t)
	notified := b.listen()
	c := b.client(Config{Work: true, Lead: true}, idle)
	for range 3 {
		b.insert(c.river, Tiles)
	}
	if got := notified.sent(); len(got) != 1 {
		t.Errorf("got the notifications %q after three inserts, want one", got)
	}
	b.insert(c.river, Small)
	if got := notified.sent(); len(got) != 1 {
		t.Errorf("got the notifications %q after an insert into another queue, want one", got)
	}
}

// TestFetchedJob: the worker that runs a job is the last element of attempted_by.
func TestFetchedJob(t *testing.T) {
	b := setup(t)
	began := make(chan int64, 1)
	release := make(chan struct{})
	c := b.client(Config{Work: true}, func(_ context.Context, job *river.Job[tileArgs]) error {
		began <- job.ID
		<-release
		return nil
	})
	defer close(release)
	b.insert(c.river, Tiles)
	b.exec("UPDATE river_job SET attempt = 1, attempted_by = '{other}', attempted_at = now() - interval '1 day'")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := receive(t, "attempt", began)
	by := query[[]string](b, "SELECT attempted_by FROM river_job WHERE id = $1", id)
	if want := []string{"other", c.id}; !slices.Equal(by, want) {
		t.Errorf("attempted_by = %q, want %q", by, want)
	}
	if attempt := query[int](b, "SELECT attempt FROM river_job WHERE id = $1", id); attempt != 2 {
		t.Errorf("attempt = %d, want 2", attempt)
	}
	if at := query[time.Time](b, "SELECT attempted_at FROM river_job WHERE id = $1", id); time.Since(at) > waitTimeout {
		t.Errorf("attempted_at = %s, want the time of the fetch", at)
	}
}

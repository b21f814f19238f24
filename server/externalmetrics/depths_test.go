package externalmetrics

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

// TestFreshDepths: depths are read when they are asked for, once in a second however often, and also for a caller that
// has left. What cannot be read is an error, whatever was read before, and is not tried again at once either.
func TestFreshDepths(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := store.Open(testdb.New(t), nil, time.Hour)
	client, err := jobs.NewClient(s, nil, queue.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	d := &depths{queue: client.Queue(), log: log}
	left, leave := context.WithCancel(t.Context())
	leave()
	first, err := d.fresh(left)
	if err != nil || len(first.Queues) != 2 {
		t.Fatalf("fresh() for a caller that has left = %+v, %v, want two queues", first, err)
	}
	d.at = d.at.Add(-freshAge)
	start := time.Now()
	var callers sync.WaitGroup
	var mu sync.Mutex
	reads := map[time.Time]bool{}
	for range 20 {
		callers.Go(func() {
			got, err := d.fresh(t.Context())
			if err != nil || !got.At.After(first.At) {
				t.Errorf("fresh() = %+v, %v, want a later one than %+v", got, err, first)
			}
			mu.Lock()
			defer mu.Unlock()
			reads[got.At] = true
		})
	}
	callers.Wait()
	if most := 1 + int(time.Since(start)/freshAge); len(reads) > most {
		t.Errorf("reads for 20 callers = %d, want %d", len(reads), most)
	}
	s.Pool.Close()
	d.at = d.at.Add(-freshAge)
	if got, err := d.fresh(t.Context()); err == nil || len(got.Queues) != 0 {
		t.Errorf("fresh() without a database = %+v, %v, want an error only", got, err)
	}
	if got := time.Since(d.at); got > time.Minute {
		t.Errorf("the read that failed is %s ago, want it noted", got)
	}
	errBefore := errors.New("that of the last read")
	d.err = errBefore
	d.at = time.Now().Add(time.Hour)
	if got, err := d.fresh(t.Context()); !errors.Is(err, errBefore) {
		t.Errorf("fresh() just after an error = %+v, %v, want %v", got, err, errBefore)
	}
}

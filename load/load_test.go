package load_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// takes returns a service that accepts a request after one time and completes it after another, with any concurrency.
func takes(accept, work time.Duration) load.Do {
	return func(_ context.Context, _ int, accepted func()) error {
		time.Sleep(accept) // in the fake time of synctest
		accepted()
		time.Sleep(work) // in the fake time of synctest
		return nil
	}
}

const ms = time.Millisecond

func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		samples := load.Run(t.Context(), load.Plan{
			Rate:        10,
			Concurrency: 100,
			Duration:    2 * time.Second,
		}, takes(5*ms, 700*ms))
		if len(samples) != 20 {
			t.Fatalf("%d samples, want 20", len(samples))
		}
		for i, s := range samples {
			if s.Due != time.Duration(i)*100*ms || s.Accepted != s.Due+5*ms || s.Completed != s.Due+705*ms || s.Err != nil {
				t.Errorf("sample %d = %+v, want it due at %d ms, accepted after 5 ms, completed after 705 ms", i, s, 100*i)
			}
		}
	})
}

// TestCoordinatedOmission: a service that works on one request at a time and stalls for a second delays all requests
// that are due meanwhile.
func TestCoordinatedOmission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		do := func(ctx context.Context, i int, accepted func()) error {
			if i == 0 {
				return takes(time.Second, 0)(ctx, i, accepted)
			}
			return takes(ms, 0)(ctx, i, accepted)
		}
		samples := load.Run(t.Context(), load.Plan{
			Rate:        100,
			Concurrency: 1,
			Count:       100,
		}, do)
		report := load.NewReport(samples)
		if report.Completed != 100 || report.Complete.P50 < 500 || report.Complete.Max != 1000 {
			t.Errorf("report = %+v, want 100 completed, a median of at least 500 ms, a maximum of 1000 ms", report)
		}
	})
}

func TestClosedLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var busy, most atomic.Int64
		do := func(context.Context, int, func()) error {
			most.Store(max(most.Load(), busy.Add(1)))
			defer busy.Add(-1)
			time.Sleep(100 * ms) // in the fake time of synctest
			return nil
		}
		samples := load.Run(t.Context(), load.Plan{Concurrency: 3, Duration: time.Second}, do)
		if len(samples) != 30 || most.Load() != 3 {
			t.Errorf("%d samples, at most %d in flight, want 30, 3", len(samples), most.Load())
		}
		for _, s := range samples {
			if s.Completed-s.Due != 100*ms {
				t.Errorf("latency = %s, want 100ms", s.Completed-s.Due)
			}
		}
		if n := len(load.Run(t.Context(), load.Plan{Concurrency: 3, Count: 7}, do)); n != 7 {
			t.Errorf("%d samples, want 7", n)
		}
	})
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, 1000} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			do := func(ctx context.Context, i int, _ func()) error {
				if i == 10 {
					cancel()
				}
				if i < 5 {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}
			if n := len(load.Run(ctx, load.Plan{Rate: rate, Concurrency: 100}, do)); n != 5 {
				t.Errorf("%d samples, want 5", n)
			}
		})
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	var samples []load.Sample
	for i := range 100 {
		due := time.Duration(i) * 10 * ms
		samples = append(samples, load.Sample{
			Due:       due,
			Accepted:  due + ms,
			Completed: due + time.Duration(i+1)*ms,
		})
	}
	samples[99] = load.Sample{Due: samples[99].Due, Err: errors.New("503")}
	samples[98] = load.Sample{
		Due:      samples[98].Due,
		Accepted: samples[98].Due + ms,
		Err:      errors.New("failed"),
	}
	r := load.NewReport(samples)
	if r.Requests != 100 || r.Accepted != 99 || r.Completed != 98 || r.Errors["503"] != 1 || r.Errors["failed"] != 1 {
		t.Errorf("report = %+v, want 100 requests, 99 accepted, 98 completed, an error 503, an error failed", r)
	}
	if want := (load.Percentiles{
		P50: 49,
		P90: 89,
		P99: 98,
		Max: 98,
	}); r.Complete != want {
		t.Errorf("Complete = %+v, want %+v", r.Complete, want)
	}
	if r.Seconds != 1.068 { // number 97 is due at 970 ms and takes 98
		t.Errorf("Seconds = %v, want 1.068", r.Seconds)
	}
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"98", "503", "failed", "1.1 s"} {
		if !strings.Contains(text.String(), word) {
			t.Errorf("Print() lacks %q:\n%s", word, &text)
		}
	}
	if empty := load.NewReport(nil); empty.Rate != 0 || empty.Complete.Max != 0 {
		t.Errorf("NewReport(nil) = %+v, want zeros", empty)
	}
}

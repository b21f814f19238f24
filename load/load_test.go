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

// takes is a service that needs a time to accept and a time to work, for as many requests as come.
func takes(accept, work time.Duration) load.Do {
	return func(_ context.Context, _ int, accepted func()) error {
		time.Sleep(accept)
		accepted()
		time.Sleep(work)
		return nil
	}
}

const ms = time.Millisecond

func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		samples := load.Run(t.Context(), load.Plan{Rate: 10, Concurrency: 100, Duration: 2 * time.Second}, takes(5*ms, 700*ms))
		if len(samples) != 20 {
			t.Fatalf("%d requests", len(samples))
		}
		for i, s := range samples {
			if s.Due != time.Duration(i)*100*ms || s.Accepted != s.Due+5*ms || s.Completed != s.Due+705*ms || s.Err != nil {
				t.Errorf("request %d: %+v", i, s)
			}
		}
	})
}

// A service that does one request at a time and stands still for a second makes all those wait that are due meanwhile.
func TestCoordinatedOmission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		do := func(ctx context.Context, i int, accepted func()) error {
			if i == 0 {
				return takes(time.Second, 0)(ctx, i, accepted)
			}
			return takes(ms, 0)(ctx, i, accepted)
		}
		samples := load.Run(t.Context(), load.Plan{Rate: 100, Concurrency: 1, Count: 100}, do)
		report := load.NewReport(samples)
		if report.Completed != 100 || report.Complete.P50 < 500 || report.Complete.Max != 1000 {
			t.Errorf("%+v", report)
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
			time.Sleep(100 * ms)
			return nil
		}
		samples := load.Run(t.Context(), load.Plan{Concurrency: 3, Duration: time.Second}, do)
		if len(samples) != 30 || most.Load() != 3 {
			t.Errorf("%d requests, %d at a time", len(samples), most.Load())
		}
		for _, s := range samples {
			if s.Completed-s.Due != 100*ms {
				t.Errorf("%+v", s)
			}
		}
		if n := len(load.Run(t.Context(), load.Plan{Concurrency: 3, Count: 7}, do)); n != 7 {
			t.Errorf("%d requests", n)
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
				t.Errorf("%d requests count", n)
			}
		})
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	var samples []load.Sample
	for i := range 100 {
		due := time.Duration(i) * 10 * ms
		samples = append(samples, load.Sample{Due: due, Accepted: due + ms, Completed: due + time.Duration(i+1)*ms})
	}
	samples[99] = load.Sample{Due: samples[99].Due, Err: errors.New("503")}
	samples[98] = load.Sample{Due: samples[98].Due, Accepted: samples[98].Due + ms, Err: errors.New("failed")}
	r := load.NewReport(samples)
	if r.Requests != 100 || r.Accepted != 99 || r.Completed != 98 || r.Errors["503"] != 1 || r.Errors["failed"] != 1 {
		t.Errorf("%+v", r)
	}
	if want := (load.Percentiles{P50: 49, P90: 89, P99: 98, Max: 98}); r.Complete != want {
		t.Errorf("got %+v, want %+v", r.Complete, want)
	}
	if r.Seconds != 1.068 { // number 97 is due at 970 ms and takes 98
		t.Errorf("%v s", r.Seconds)
	}
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"98", "503", "failed", "1.1 s"} {
		if !strings.Contains(text.String(), word) {
			t.Errorf("the report does not say %q:\n%s", word, &text)
		}
	}
	if empty := load.NewReport(nil); empty.Rate != 0 || empty.Complete.Max != 0 {
		t.Errorf("%+v", empty)
	}
}

func TestPlot(t *testing.T) {
	t.Parallel()
	some := []load.Sample{{Due: 0, Accepted: ms, Completed: 2 * ms}, {Due: time.Second, Accepted: time.Second}, {Due: 2 * time.Second, Err: errors.New("x")}}
	for name, samples := range map[string][]load.Sample{"none": nil, "errors": some[2:], "some": some} {
		var image strings.Builder
		if err := load.WritePlot(&image, "<"+name+">", samples); err != nil {
			t.Fatal(err)
		}
		if text := image.String(); !strings.HasPrefix(text, "<?xml") || !strings.Contains(text, "&lt;"+name+"&gt;") {
			t.Errorf("%s: %.200s", name, text)
		}
	}
}

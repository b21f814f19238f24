package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/admission"
)

// BenchmarkOverload submits multiplications of one tile each to two slots: for some time as many as are computed, and
// then, for as long, ten times as many. It reports how many are completed a second in both, what the responses are,
// and how long small requests take meanwhile.
func BenchmarkOverload(b *testing.B) {
	const phase = 10 * time.Second
	s := setup(b)
	s.jobs.SetLimits(jobs.Limits{Queued: admission.Limits{Tiles: 5 * time.Second}})
	const order = `{"a": {"random": {"rows": 1400, "cols": 1400}}, "b": {"random": {"rows": 1400, "cols": 1400}}}`
	var statuses [600]atomic.Int64
	submit := func() *httptest.ResponseRecorder {
		r := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodPost, "/v1/multiplications", strings.NewReader(order))
		request.Header.Set("Content-Type", jsonType)
		s.handler.ServeHTTP(r, request)
		statuses[r.Code].Add(1)
		return r
	}
	completed := func() (n int) {
		err := s.store.Pool.QueryRow(b.Context(), "SELECT count(*) FROM multiplications WHERE state = 'completed'").Scan(&n)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	// run submits so many a second, at most, and returns how many were completed a second.
	run := func(perSecond float64, small *[]time.Duration) float64 {
		before := completed()
		start := time.Now()
		var all sync.WaitGroup
		for i := 0; time.Since(start) < phase; i++ {
			// the rate of the submissions is what is measured
			time.Sleep(time.Until(start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))))
			all.Go(func() { submit() })
			if i%5 == 0 {
				all.Go(func() {
					begin := time.Now()
					r := httptest.NewRecorder()
					s.handler.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/v1/multiplications?limit=1", http.NoBody))
					took := time.Since(begin)
					mu.Lock()
					*small = append(*small, took)
					mu.Unlock()
				})
			}
		}
		took := time.Since(start).Seconds()
		n := completed() - before
		all.Wait()
		return float64(n) / took
	}
	for b.Loop() {
		var calm, busy []time.Duration
		run(100, &calm) // to fill the line, and to find out how fast tiles are
		capacity := run(30, &calm)
		for i := range statuses {
			statuses[i].Store(0)
		}
		goodput := run(10*capacity, &busy)
		b.ReportMetric(capacity, "capacity/s")
		b.ReportMetric(goodput, "goodput/s")
		b.ReportMetric(goodput/capacity, "goodput-of-capacity")
		for status := range statuses {
			if n := statuses[status].Load(); n > 0 {
				b.ReportMetric(float64(n), "status-"+strconv.Itoa(status))
			}
		}
		slices.Sort(busy)
		b.ReportMetric(float64(busy[len(busy)*99/100].Microseconds())/1000, "small-p99-ms")
	}
}

// mu guards what the requests of BenchmarkOverload have taken.
var mu sync.Mutex

package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkWait submits a 2×2 and waits for the product, one after the other on an idle service.
func BenchmarkWait(b *testing.B) {
	s := setup(b)
	const body = `{"a": {"values": [[1,2],[3,4]]}, "b": {"values": [[5,6],[7,8]]}}`
	var times []time.Duration
	for b.Loop() {
		begin := time.Now()
		s.do(b, http.MethodPost, "/v1/multiplications", strings.NewReader(body), "Content-Type", jsonType, "Prefer", "wait=10").
			want(b, http.StatusOK)
		times = append(times, time.Since(begin))
	}
	reportQuantiles(b, times)
}

func reportQuantiles(b *testing.B, times []time.Duration) {
	b.Helper()
	slices.Sort(times)
	for name, q := range map[string]int{"p50-ms": 50, "p99-ms": 99} {
		b.ReportMetric(float64(times[(len(times)-1)*q/100].Microseconds())/1000, name)
	}
	b.ReportMetric(0, "ns/op") // the mean says little
}

package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkSubmit submits 2×2 matrices from many clients at once, without the network: what the API and its
// transactions take.
func BenchmarkSubmit(b *testing.B) {
	s := setupWith(b, options{idle: true})
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/matrix_multiplication/", strings.NewReader(simpleTwoByTwo))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			if w.Code != http.StatusAccepted {
				b.Errorf("status %d: %s", w.Code, w.Body)
			}
		}
	})
}

const simpleTwoByTwo = `{"A": [[1, 2], [3, 4]], "B": [[5, 6], [7, 8]]}`

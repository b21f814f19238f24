package handlers

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers/payload"
)

// TestLongAnswerIsObserved: a request without a body has no deadline for sending it, also when its size is measured. With one,
// the server would take a client that sends nothing for one that is gone, and end its answer.
func TestLongAnswerIsObserved(t *testing.T) {
	t.Parallel()
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(w, "it begins")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return // as a handler does whose client is gone
		case <-time.After(3 * stall):
		}
		_, _ = fmt.Fprintln(w, "and ends")
	})
	server := httptest.NewServer(Observed(payload.WithStallLimits(slow, stall), prometheus.NewRegistry()))
	t.Cleanup(server.Close)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if want := "it begins\nand ends\n"; string(text) != want || err != nil {
			t.Errorf("%s: got %q, %v", method, text, err)
		}
	}
}

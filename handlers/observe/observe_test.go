package observe_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers/observe"
	"github.com/millrace/millrace/handlers/payload"
)

// stall is a timeout that the test can let pass.
const stall = 100 * time.Millisecond

// TestLongResponseIsObserved: a request without a body has no deadline for sending it, also while its size is
// measured. With a deadline the server would take the silent client for one that is gone, and end the response.
func TestLongResponseIsObserved(t *testing.T) {
	t.Parallel()
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(w, "it begins")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return // the client is gone
		case <-time.After(3 * stall):
		}
		_, _ = fmt.Fprintln(w, "and ends")
	})
	server := httptest.NewServer(observe.Requests(payload.WithStallLimits(slow, stall), prometheus.NewRegistry()))
	t.Cleanup(server.Close)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if want := "it begins\nand ends\n"; string(text) != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", method, text, err, want)
		}
	}
}

package objects_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/millrace/millrace/internal/s3server"
)

// TestBrokenReads: a response that is cut, and refusals that pass, are tried again, and what is read is right.
func TestBrokenReads(t *testing.T) {
	b := setup(t)
	b.put("x", file(">f8", false, 300, 300))
	src, _ := b.open("x")
	b.proxy.Set(func(n int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		switch n {
		case 1: // cut
			recorded := httptest.NewRecorder()
			pass.ServeHTTP(recorded, r)
			for name, values := range recorded.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(recorded.Code)
			_, _ = w.Write(recorded.Body.Bytes()[:recorded.Body.Len()/2])
			panic(http.ErrAbortHandler)
		case 2:
			s3server.Refuse(w, http.StatusServiceUnavailable, "SlowDown")
		default:
			pass.ServeHTTP(w, r)
		}
	})
	wantRect(t, src, rect(10, 0, 200, 300))
	if n, _ := b.proxy.Count(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

package audit_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/audit"
	"github.com/millrace/millrace/identity"
)

// TestRequests: an act has its principal, its address, what was done and the outcome; other requests are no acts.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method, path string
		status       int
		want         string // "" for no line
	}{
		{http.MethodGet, "/v1/keys", http.StatusOK, ""},
		{http.MethodPost, "/v1/multiplications", http.StatusCreated, ""},
		{http.MethodPost, "/v1/keys", http.StatusCreated, "outcome=done"},
		{http.MethodPost, "/v1/session", http.StatusUnauthorized, "outcome=refused reason=Unauthorized"},
		{http.MethodPatch, "/v1/tenants/x", http.StatusForbidden, "outcome=refused reason=Forbidden"},
		{http.MethodDelete, "/v1/matrices/x", http.StatusNotFound, `outcome=failed reason="Not Found"`},
		{http.MethodDelete, "/v1/matrices/x", http.StatusServiceUnavailable, `outcome=failed reason="Service Unavailable"`},
		{http.MethodPut, "/riverui/api/queues/tiles/pause", http.StatusOK, `action="change in River UI"`},
	} {
		var out bytes.Buffer
		log := audit.New(slog.New(slog.NewTextHandler(&out, nil)))
		mux := http.NewServeMux()
		mux.HandleFunc(test.method+" "+test.path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(test.status) })
		r := httptest.NewRequest(test.method, test.path, nil)
		r = r.WithContext(identity.With(r.Context(), identity.Principal{Tenant: 7, Name: "robot"}))
		log.Requests(mux).ServeHTTP(httptest.NewRecorder(), r)
		got := out.String()
		if test.want == "" {
			if got != "" {
				t.Errorf("%s %s: %s, want no line", test.method, test.path, got)
			}
			continue
		}
		for _, part := range []string{test.want, "log=audit", "by=robot", "tenant=7", "client=192.0.2.1:1234", "on=" + test.path} {
			if !strings.Contains(got, part) || strings.Count(got, "\n") != 1 {
				t.Errorf("%s %s: %q, want one line with %q", test.method, test.path, got, part)
			}
		}
	}
}

// TestNote: a nil Log writes nothing, and texts of clients cannot break lines.
func TestNote(t *testing.T) {
	t.Parallel()
	var none *audit.Log
	none.Note(t.Context(), audit.Act{Action: "x"})
	var out bytes.Buffer
	log := audit.New(slog.New(slog.NewTextHandler(&out, nil)))
	log.Note(t.Context(), audit.Act{
		Action:  "millrace keys revoke",
		On:      "x\nlevel=ERROR" + strings.Repeat("y", 1000),
		Outcome: audit.Done,
	})
	if got := out.String(); strings.Count(got, "\n") != 1 || len(got) > 600 || !strings.Contains(got, fmt.Sprint(audit.Done)) {
		t.Errorf("Note() wrote %q, want one short line", got)
	}
}

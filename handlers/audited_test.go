package handlers_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/audit"
	"github.com/millrace/millrace/internal/reexec"
)

// TestAudit: what is deleted, and what is changed in River UI, is one line each, with what was tried and refused.
func TestAudit(t *testing.T) {
	t.Parallel()
	log := &reexec.Log{}
	o := siteOptions(true)
	o.site.Audit = audit.New(slog.New(slog.NewTextHandler(log, nil)))
	b := setupWith(t, o)
	want := func(what string, parts ...string) {
		t.Helper()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 1 {
			t.Errorf("%s: %q, want one line", what, lines)
		}
		wantTexts := append(parts, "log=audit", "client=")
		for _, text := range wantTexts {
			if !strings.Contains(lines[0], text) {
				t.Errorf("%s: %s, want %q in it", what, lines[0], text)
			}
		}
		log.Reset()
	}
	m := b.submit(t, twoByTwo)
	b.get(t, "/v1/multiplications/"+m.ID).want(t, http.StatusOK)
	if got := log.String(); got != "" {
		t.Errorf("submitting and reading: %s, want no lines", got)
	}
	path := "/v1/multiplications/" + m.ID
	b.do(t, http.MethodPost, path+"/cancel", nil).want(t, http.StatusOK)
	b.do(t, http.MethodDelete, path, nil).want(t, http.StatusNoContent)
	want("a deletion", `action="DELETE /v1/multiplications/{id}"`, "on="+path, "outcome=done")

	for range 3 { // at most one line a second of what is not done
		b.do(t, http.MethodDelete, path, nil).want(t, http.StatusNotFound)
	}
	want("deletions of nothing", "on="+path, "outcome=failed", `reason="Not Found"`)

	ids := `{"ids": ["12345"]}`
	jsonBody := []string{"Content-Type", jsonType}
	b.send(t, http.MethodPost, "/riverui/api/jobs/retry", strings.NewReader(ids), jsonBody...).want(t, http.StatusNotFound)
	want("a retry in River UI", `action="change in River UI"`, "on=/riverui/api/jobs/retry", "outcome=failed", "12345")

	hook := strings.NewReader(`{"url": "https://example.com/?token=of-the-receiver"}`)
	b.do(t, http.MethodPost, "/v1/webhooks", hook, jsonBody...).want(t, http.StatusCreated)
	want("a webhook", `action="POST /v1/webhooks"`, "on=/v1/webhooks", "outcome=done")

	b.send(t, http.MethodPost, "/v1/matrices", strings.NewReader("[[1]]"), append(jsonBody, "Origin", "https://evil.example")...)
	if got := log.String(); got != "" {
		t.Errorf("a refused upload: %s, want no line", got)
	}
}

// TestAuditIsShort: what a client sends does not make the lines long.
func TestAuditIsShort(t *testing.T) {
	t.Parallel()
	log := &reexec.Log{}
	o := siteOptions(true)
	o.site.Audit = audit.New(slog.New(slog.NewTextHandler(log, nil)))
	b := setupWith(t, o)
	long := strings.Repeat("x", 10_000)
	b.send(t, http.MethodDelete, "/v1/nothing/"+long, nil)
	b.send(t, http.MethodPost, "/riverui/api/jobs/cancel", strings.NewReader(`{"ids": ["`+long), "Content-Type", jsonType)
	if got := log.String(); len(got) > 2_000 || strings.Count(got, "\n") != 2 {
		t.Errorf("%d bytes were logged, want two short lines: %.3000s", len(got), got)
	}
}

package cli_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/millrace/millrace/client"
)

// testBrokenEvents: an event stream that breaks is resumed: no event is missing, and no event comes twice.
func (b *clientBundle) testBrokenEvents(t *testing.T) {
	p := startProxy(t, b.server(), nil, 1500, 1500)
	id := b.api.submit(manyTiles)
	stdout, stderr := b.ok(t, "show", id, "--watch", "--json", "--server="+p.url())
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	var completed int64
	for i, line := range lines {
		e := decodeJSON[client.Event](t, line)
		if e.Tiles.Completed < completed || e.Tiles.Completed > completed+1 {
			t.Errorf("line %d: %d tiles after %d, want at most one more", i, e.Tiles.Completed, completed)
		}
		completed = e.Tiles.Completed
	}
	if len(lines) != 22 || completed != 20 { // submitted, started, and each tile
		t.Errorf("%d lines, %d tiles, want 22 and 20\n%s", len(lines), completed, stdout)
	}
	if p.breaks() != 2 || !p.sent("Last-Event-Id: ") || !strings.Contains(stderr, "trying again") {
		t.Errorf("%d breaks, %q, want 2, resumed", p.breaks(), stderr)
	}
}

// testNoEvents: the client polls where a proxy blocks event streams.
func (b *clientBundle) testNoEvents(t *testing.T) {
	target, err := url.Parse(b.server())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			http.Error(w, "not for you", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer gateway.Close()
	id := b.api.submit(strings.Replace(fewTiles, "{", `{"reuse": false, `, 1))
	stdout, _ := b.ok(t, "show", id, "--watch", "--server="+gateway.URL)
	wantTexts(t, stdout, "4 of 4 completed")
}

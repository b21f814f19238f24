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

// A stream of events that breaks goes on where it broke: no change is missing, none comes twice.
func (b *clientBundle) testBrokenEvents(t *testing.T) {
	p := startProxy(t, b.server(), nil, 1500, 1500)
	id := b.api.submit(manyTiles)
	stdout, stderr := b.ok(t, "show", id, "--watch", "--json", "--server="+p.url())
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	var completed int64
	for i, line := range lines {
		e := decodeJSON[client.Event](t, line)
		if e.Tiles.Completed < completed || e.Tiles.Completed > completed+1 {
			t.Errorf("line %d jumps from %d tiles to %d", i, completed, e.Tiles.Completed)
		}
		completed = e.Tiles.Completed
	}
	if len(lines) != 22 || completed != 20 { // submitted, begun, and each tile
		t.Errorf("%d lines, %d tiles\n%s", len(lines), completed, stdout)
	}
	if p.breaks() != 2 || !p.sent("Last-Event-Id: ") || !strings.Contains(stderr, "trying again") {
		t.Errorf("%d breaks\n%s", p.breaks(), stderr)
	}
}

// Where a proxy lets no events through, products are asked for.
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
	id := b.api.submit(manyTiles)
	stdout, _ := b.ok(t, "show", id, "--watch", "--server="+gateway.URL)
	if !strings.Contains(stdout, "20 of 20 completed") {
		t.Errorf("%s", stdout)
	}
}

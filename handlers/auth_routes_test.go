package handlers

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/pages"
	"github.com/millrace/millrace/store/keys"
)

// TestEachRouteSaysWhatItNeeds: no route was added without saying for whom it is.
func TestEachRouteSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	a := &API{auth: auth.New(auth.Config{})}
	api := a.routes(apidoc.Config())
	pages.Mount(api.Open(), pages.Links{})
	beside := mountRiverUI(api, http.NotFoundHandler())
	found := 0
	for _, routes := range []*auth.Routes{api, beside} {
		for pattern, need := range routes.Needs() {
			found++
			if need == (auth.Need{}) {
				t.Errorf("%s does not say what it needs", pattern)
			}
		}
	}
	if found < 35 {
		t.Errorf("there are %d routes, want at least 35", found)
	}
	if need := beside.Needs()[riverUIPath]; need != auth.Scoped(identity.ScopeAdmin).Page() {
		t.Errorf("River UI needs %+v, want admin", need)
	}
}

// TestUndeclaredIsRefused: a route that does not say what it needs is for no request, also without authentication.
func TestUndeclaredIsRefused(t *testing.T) {
	t.Parallel()
	routes := auth.NewRoutes()
	routes.HandleFunc("GET /x", func(http.ResponseWriter, *http.Request) { t.Error("the route is used, want it refused") })
	w := httptest.NewRecorder()
	handler := withDeadlines(routes, nil, auth.New(auth.Config{}))
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "insufficient_scope") {
		t.Errorf("the response is %d, %s, want 403", w.Code, w.Body)
	}
}

// TestStreamEndsWithKey: a stream ends when its key is revoked, and so does a wait.
func TestStreamEndsWithKey(t *testing.T) {
	t.Parallel()
	server, a, id := serveStreams(t, time.Millisecond)
	k := keys.Open(a.store.Pool)
	verifier := keys.NewVerifier(k, a.log)
	a.auth.Config = auth.Config{Keys: k, Verifier: verifier}
	for path, want := range map[string]int{"/events": http.StatusOK, "": http.StatusUnauthorized} {
		key, token, err := k.Create(t.Context(), keys.Order{
			Tenant: "default",
			Name:   "test",
			Scopes: []identity.Scope{identity.ScopeRead},
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+multiplicationPath(id)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Prefer", "wait=60")
		ended := make(chan error, 1)
		go func() {
			response, err := server.Client().Do(r)
			if err == nil {
				_, err = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.StatusCode != want {
					err = errors.Join(err, errors.New(response.Status))
				}
			}
			ended <- err
		}()
		for a.hub.Watched() == 0 {
			time.Sleep(time.Millisecond) // no signal says that a client waits
		}
		if err := k.Revoke(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		verifier.Forget(key.ID)
		if err := <-ended; err != nil {
			t.Errorf("%q of a revoked key ends with %v, want %d", path, err, want)
		}
		for a.hub.Watched() > 0 {
			time.Sleep(time.Millisecond) // nor that it has left
		}
	}
}

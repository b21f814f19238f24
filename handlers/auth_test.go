package handlers_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/keys"
	"github.com/millrace/millrace/watch/notify"
)

// lock has requests need a key, and gives those of the test one for all.
func (b *testBundle) lock(t testing.TB, clients handlers.Clients) *auth.Auth {
	t.Helper()
	b.verifier = keys.NewVerifier(b.keys, slog.New(slog.DiscardHandler))
	b.hub.Also(notify.Channel{Name: keys.Channel}, func(n notify.Notification) {
		if n.Connected {
			b.verifier.ForgetAll()
			return
		}
		b.verifier.Forget(n.Payload)
	})
	_, b.token = b.key(t, time.Hour, identity.ScopeAdmin)
	return auth.New(auth.Config{
		Keys:     b.keys,
		Verifier: b.verifier,
		Proxies:  clients.Proxies,
	})
}

// key makes a key.
func (b *testBundle) key(t testing.TB, life time.Duration, scopes ...identity.Scope) (keys.Key, string) {
	t.Helper()
	key, token, err := b.keys.Create(t.Context(), keys.Order{
		Tenant:  "default",
		Name:    "test",
		Scopes:  scopes,
		Expires: time.Now().Add(life),
	})
	if err != nil {
		t.Fatal(err)
	}
	return key, token
}

// expiredKey returns the token of a key that has expired.
func (b *testBundle) expiredKey(t testing.TB) string {
	t.Helper()
	key, token := b.key(t, time.Hour, identity.ScopeAdmin)
	_, err := b.store.Pool.Exec(t.Context(), "UPDATE api_keys SET expires_at = now() WHERE id = $1", key.ID)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// keysOfOthers returns for each scope the token of a key that has the others, as far as they do not contain it.
func (b *testBundle) keysOfOthers(t testing.TB) map[identity.Scope]string {
	t.Helper()
	_, submit := b.key(t, time.Hour, identity.ScopeSubmit)
	_, read := b.key(t, time.Hour, identity.ScopeRead)
	_, both := b.key(t, time.Hour, identity.ScopeRead, identity.ScopeSubmit)
	return map[identity.Scope]string{
		identity.ScopeRead:   submit,
		identity.ScopeSubmit: read,
		identity.ScopeAdmin:  both,
	}
}

// needOf returns the scope that an operation needs by its description, "" for none.
func needOf(op *openapi3.Operation) identity.Scope {
	if scopes := (*op.Security)[0]["bearer"]; len(scopes) > 0 {
		return identity.Scope(scopes[0])
	}
	return ""
}

// isPublic reports whether an operation needs nothing by its description.
func isPublic(op *openapi3.Operation) bool { return len((*op.Security)[0]) == 0 }

// wantChallenge checks an error of RFC 6750.
func (a received) wantChallenge(t *testing.T, status int, code, challenge string) {
	t.Helper()
	told := a.Request.Method == http.MethodHead // a response to HEAD has no body
	if !told {
		problem := decode[problem.Problem](t, a)
		told = string(problem.Code) == code && strings.HasSuffix(problem.Type, "#"+code)
	}
	if a.StatusCode != status || !told || a.Header.Get("WWW-Authenticate") != challenge {
		t.Errorf("%s %s: %s, %q, %s, want %d, %q and the code %s", a.Request.Method, a.Request.URL.Path, a.Status,
			a.Header.Get("WWW-Authenticate"), a.body, status, challenge, code)
	}
	if cache := a.Header.Get("Cache-Control"); cache != "no-store" {
		t.Errorf("Cache-Control: %q, want no-store", cache)
	}
}

const challenge = `Bearer realm="millrace"`

func invalidToken(why string) string {
	return challenge + `, error="invalid_token", error_description="the token ` + why + `"`
}

// TestEveryRouteNeedsItsKey walks all operations with keys of every kind.
func TestEveryRouteNeedsItsKey(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, auth: true})
	admin := b.token
	b.token = ""
	expired := b.expiredKey(t)
	others := b.keysOfOthers(t)
	key, revoked := b.key(t, time.Hour, identity.ScopeAdmin)
	if err := b.keys.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	unknown, _ := identity.NewToken(identity.KeyPrefix)
	_, read := b.key(t, time.Hour, identity.ScopeRead)
	_, submit := b.key(t, time.Hour, identity.ScopeSubmit)
	right := map[identity.Scope]string{
		identity.ScopeRead:   read,
		identity.ScopeSubmit: submit,
		identity.ScopeAdmin:  admin,
		"":                   read,
	}
	for pattern, route := range describedAPI(t).routes {
		if isPublic(route.Operation) {
			b.do(t, route.Method, route.Path, nil).want(t, http.StatusNoContent) // DELETE /v1/session
			continue
		}
		need := needOf(route.Operation)
		path := strings.Replace(route.Path, "{id}", "01a20a2b-e14e-7d86-921d-a6528b55629e", 1)
		ask := func(headers ...string) received { return b.do(t, route.Method, path, nil, headers...) }
		bearer := func(token string) received { return ask("Authorization", "Bearer "+token) }
		const authorization = "Authorization"
		ask().wantChallenge(t, 401, "authentication_required", challenge)
		ask(authorization, "Basic dXNlcjpwYXNz").wantChallenge(t, 401, "authentication_required", challenge)
		for _, wrong := range []string{unknown, unknown[:62], "x", "a.b.c", "", strings.Repeat("x", 20_000)} {
			bearer(wrong).wantChallenge(t, 401, "invalid_token", invalidToken("is not valid"))
		}
		bearer(expired).wantChallenge(t, 401, "token_expired", invalidToken("has expired"))
		bearer(revoked).wantChallenge(t, 401, "token_revoked", invalidToken("has been revoked"))
		if need != "" {
			bearer(others[need]).wantChallenge(t, 403, "insufficient_scope",
				challenge+`, error="insufficient_scope", scope="`+string(need)+`"`)
		}
		for _, token := range []string{right[need], admin} {
			if a := ask(authorization, "bEARER  "+token); a.StatusCode == 401 || a.StatusCode == 403 {
				t.Errorf("%s with a right key: %s, %s, want it to be let in", pattern, a.Status, a.body)
			}
		}
	}
}

// TestPagesAreForAll: what shows nothing that is not in the program needs no key, and a wrong one does no harm.
func TestPagesAreForAll(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{
		idle:    true,
		auth:    true,
		riverUI: true,
	})
	for _, token := range []string{"", "Bearer x", "Bearer " + b.token} {
		for _, path := range []string{"/", "/docs/", "/signin/", "/assets/home.js", "/favicon.ico", "/openapi.json"} {
			b.send(t, http.MethodGet, path, nil, "Authorization", token).want(t, http.StatusOK)
		}
	}
	b.send(t, http.MethodGet, "/v1/nothing", nil, "Authorization", "").want(t, http.StatusNotFound)
}

// TestRiverUINeedsAdmin: River UI shows the jobs of all tenants.
func TestRiverUINeedsAdmin(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{
		idle:    true,
		auth:    true,
		riverUI: true,
	})
	_, both := b.key(t, time.Hour, identity.ScopeRead, identity.ScopeSubmit)
	for _, path := range []string{"/riverui/", "/riverui/jobs", "/riverui/api/queues", "/riverui/assets/x.js"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
			b.send(t, method, path, nil, "Authorization", "").want(t, http.StatusUnauthorized)
			b.send(t, method, path, nil, "Authorization", "Bearer "+both).want(t, http.StatusForbidden)
		}
	}
	b.send(t, http.MethodGet, "/riverui/api/queues", nil).want(t, http.StatusOK)
	follow := b.server.Client()
	follow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := b.send(t, http.MethodGet, "/riverui/jobs/17?x=a%26b", nil, "Authorization", "", "Accept", "text/html,*/*")
	if got, want := a.Header.Get("Location"), "../../signin/?next=riverui%2Fjobs%2F17%3Fx%3Da%2526b"; a.StatusCode != 303 || got != want {
		t.Errorf("a browser without a session gets %s to %q, want 303 to %q", a.Status, got, want)
	}
}

// TestRevokedEverywhere: a revocation is told to a process that knows the key.
func TestRevokedEverywhere(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, auth: true})
	key, token := b.key(t, time.Hour, identity.ScopeRead)
	other := keys.Open(b.store.Pool) // of another process
	b.get(t, "/v1/overview", "Authorization", "Bearer "+token).want(t, http.StatusOK)
	if err := other.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		return b.get(t, "/v1/overview", "Authorization", "Bearer "+token).StatusCode == http.StatusUnauthorized
	})
}

// TestUnknownWhileUnavailable: a key that cannot be looked up is no wrong one.
func TestUnknownWhileUnavailable(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, auth: true})
	_, token := b.key(t, time.Hour, identity.ScopeRead)
	if _, err := b.store.Pool.Exec(t.Context(), "ALTER TABLE api_keys RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	a := b.get(t, "/v1/overview", "Authorization", "Bearer "+token).want(t, http.StatusServiceUnavailable)
	if a.Header.Get("Retry-After") == "" || a.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("the header is %v, want Retry-After and no WWW-Authenticate", a.Header)
	}
	b.get(t, "/", "Authorization", "Bearer "+token).want(t, http.StatusOK)
}

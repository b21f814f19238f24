package handlers_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/keys"
)

// signIn makes a session of a key, and returns its cookie.
func (b *testBundle) signIn(t *testing.T, token string, headers ...string) *http.Cookie {
	t.Helper()
	a := b.do(t, http.MethodPost, "/v1/session", nil, append(headers, "Authorization", "Bearer "+token)...)
	cookies := a.want(t, http.StatusOK).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("the cookies are %v, want one", cookies)
	}
	return cookies[0]
}

// with returns the headers of a request of a page that has a cookie.
func with(c *http.Cookie, headers ...string) []string {
	return append([]string{"Authorization", "", "Cookie", c.Name + "=" + c.Value}, headers...)
}

const overview = "/v1/overview"

// TestSession: a browser signs in with a key, acts for it by a cookie that no script reads and no other site uses, and
// signs out.
func TestSession(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, auth: true})
	_, read := b.key(t, time.Hour, identity.ScopeRead)
	cookie := b.signIn(t, read)
	if !cookie.HttpOnly || cookie.Secure || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" ||
		cookie.MaxAge < 3500 || cookie.MaxAge > 3600 || cookie.Name != "millrace" {
		t.Errorf("the cookie is %v, want it HttpOnly, for this site, and no longer than its key", cookie)
	}
	session := decode[resource.Session](t, b.get(t, "/v1/session", with(cookie)...).want(t, http.StatusOK))
	if !session.Authentication || !session.SignedIn || session.Tenant != "default" || len(session.Scopes) != 1 {
		t.Errorf("the session is %+v, want that of the key", session)
	}
	b.get(t, overview, with(cookie, "Sec-Fetch-Site", "same-origin")...).want(t, http.StatusOK)
	b.get(t, overview, with(cookie, "Sec-Fetch-Site", "none")...).want(t, http.StatusOK)
	for _, site := range []string{"cross-site", "same-site"} {
		b.get(t, overview, with(cookie, "Sec-Fetch-Site", site)...).want(t, http.StatusUnauthorized)
	}
	b.do(t, http.MethodPost, "/v1/keys", nil, with(cookie, "Origin", b.server.URL)...).want(t, http.StatusForbidden)
	b.do(t, http.MethodPost, "/v1/keys", nil, with(cookie)...).want(t, http.StatusUnauthorized) // no browser sends that
	b.get(t, overview, "Authorization", "", "Cookie", "millrace="+read).want(t, http.StatusUnauthorized)
	b.get(t, overview, "Authorization", "Bearer "+cookie.Value).want(t, http.StatusUnauthorized)
	b.do(t, http.MethodPost, "/v1/session", nil, with(cookie, "Origin", b.server.URL)...).want(t, http.StatusConflict)
	b.get(t, overview, "Authorization", "", "Cookie", "millrace="+cookie.Value+"; millrace=x").want(t, http.StatusUnauthorized)

	out := b.do(t, http.MethodDelete, "/v1/session", nil, with(cookie, "Origin", b.server.URL)...)
	if gone := out.want(t, http.StatusNoContent).Cookies(); len(gone) != 1 || gone[0].MaxAge >= 0 {
		t.Errorf("signing out sets the cookies %v, want one that deletes it", gone)
	}
	b.get(t, overview, with(cookie)...).wantChallenge(t, 401, "token_revoked", invalidToken("has been revoked"))
	b.get(t, overview, "Authorization", "Bearer "+read).want(t, http.StatusOK)
}

// TestSessionEndsWithKey: the sessions of a key that is revoked end.
func TestSessionEndsWithKey(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, auth: true})
	key, read := b.key(t, time.Hour, identity.ScopeRead)
	cookie := b.signIn(t, read)
	b.get(t, overview, with(cookie)...).want(t, http.StatusOK)
	b.do(t, http.MethodDelete, "/v1/keys/"+key.ID, nil).want(t, http.StatusNoContent)
	b.get(t, overview, with(cookie)...).want(t, http.StatusUnauthorized)
	b.get(t, overview, "Authorization", "Bearer "+read).want(t, http.StatusUnauthorized)
}

// TestSessionExpires: a session ends by itself, also if its key lasts longer. A key that was revoked just now gets none.
func TestSessionExpires(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, auth: true})
	_, read := b.key(t, 10*keys.SessionLife, identity.ScopeRead)
	cookie := b.signIn(t, read)
	if life := int(keys.SessionLife.Seconds()); cookie.MaxAge > life || cookie.MaxAge < life/2 {
		t.Errorf("the cookie lasts %d s, want %d", cookie.MaxAge, life)
	}
	b.exec(t, "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE parent IS NOT NULL")
	a := b.get(t, overview, with(cookie)...).want(t, http.StatusUnauthorized)
	if !strings.Contains(string(a.body), "token_expired") {
		t.Errorf("after the end of a session got %s, want token_expired", a.body)
	}
	b.get(t, overview, "Authorization", "Bearer "+read).want(t, http.StatusOK)

	b.exec(t, "UPDATE api_keys SET revoked_at = now()") // of which the server is not told
	b.do(t, http.MethodPost, "/v1/session", nil, "Authorization", "Bearer "+read).want(t, http.StatusUnauthorized)
}

// TestSessionOfOtherSites: a page of another site that makes a browser send its cookie changes nothing, whatever it may
// say without being asked first.
func TestSessionOfOtherSites(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, auth: true})
	key, admin := b.key(t, time.Hour, identity.ScopeAdmin)
	cookie := b.signIn(t, admin)
	for _, from := range [][]string{
		nil,
		{"Origin", "https://other.example"},
		{"Origin", "null"},
		{"Origin", b.server.URL + ".other.example"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site", "Origin", "https://other.example"},
	} {
		for _, request := range []struct{ method, path, kind, body string }{
			{http.MethodPost, "/v1/multiplications", "text/plain", `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`},
			{http.MethodPost, "/v1/multiplications", "multipart/form-data; boundary=x", "--x--"},
			{http.MethodPost, "/v1/keys", "application/x-www-form-urlencoded", `{"name": "x", "scopes": ["read"]}`},
			{http.MethodDelete, "/v1/keys/" + key.ID, "", ""},
			{http.MethodDelete, "/v1/session", "", ""},
		} {
			headers := with(cookie, append([]string{"Content-Type", request.kind}, from...)...)
			a := b.do(t, request.method, request.path, strings.NewReader(request.body), headers...)
			refused := a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden
			if !refused && request.path != "/v1/session" { // which then only deletes the cookie of the response
				t.Errorf("%s %s with %q: %s, want 401 or 403", request.method, request.path, from, a.Status)
			}
		}
	}
	b.get(t, overview, with(cookie)...).want(t, http.StatusOK)
}

// TestSecureCookie: behind TLS the cookie is for TLS only, and one without that is not accepted. What a client says of
// TLS does not count.
func TestSecureCookie(t *testing.T) {
	t.Parallel()
	proxies := guard.Proxies{netip.MustParsePrefix("127.0.0.0/8")}
	behind := setupWith(t, options{
		idle: true,
		auth: true,
		site: handlers.Site{Clients: handlers.Clients{Proxies: proxies}},
	})
	https := []string{"X-Forwarded-Proto", "https"}
	secure := behind.signIn(t, behind.token, https...)
	if !secure.Secure || secure.Name != "__Host-millrace" {
		t.Errorf("behind TLS the cookie is %v, want a secure one", secure)
	}
	plain := behind.signIn(t, behind.token)
	behind.get(t, overview, with(secure, https...)...).want(t, http.StatusOK)
	behind.get(t, overview, with(plain, https...)...).want(t, http.StatusUnauthorized)
	behind.get(t, overview, with(secure)...).want(t, http.StatusUnauthorized)

	direct := setupWith(t, options{idle: true, auth: true})
	if c := direct.signIn(t, direct.token, https...); c.Secure {
		t.Errorf("without a proxy the cookie is %v, want one that is not secure", c)
	}
}

// TestKeysOverHTTP: an admin makes, lists and revokes keys.
func TestKeysOverHTTP(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, auth: true})
	order := `{"name": "nightly", "scopes": ["submit", "read"], "expires_in": 60}`
	a := b.post(t, "/v1/keys", jsonType, []byte(order)).want(t, http.StatusCreated)
	key := decode[resource.NewKey](t, a)
	if a.Header.Get("Location") != "/v1/keys/"+key.ID || key.Tenant != "default" || key.State != "valid" ||
		key.ExpiresAt == nil || key.ExpiresAt.Sub(key.CreatedAt).Round(time.Second) != time.Minute {
		t.Errorf("the key is %+v, want one for a minute", key)
	}
	b.get(t, overview, "Authorization", "Bearer "+key.Token).want(t, http.StatusOK)
	list := b.get(t, "/v1/keys?tenant=default").want(t, http.StatusOK)
	if strings.Contains(string(list.body), key.Token[14:]) {
		t.Errorf("the list %s has a secret, want none", list.body)
	}
	if keys := decode[resource.KeyList](t, list); len(keys.Items) != 2 || keys.Items[0].ID != key.ID {
		t.Errorf("the keys are %+v, want the new one and that of the test", keys)
	}
	for range 2 {
		b.do(t, http.MethodDelete, "/v1/keys/"+key.ID, nil).want(t, http.StatusNoContent)
	}
	b.get(t, overview, "Authorization", "Bearer "+key.Token).want(t, http.StatusUnauthorized)
	list = b.get(t, "/v1/keys").want(t, http.StatusOK)
	if keys := decode[resource.KeyList](t, list); keys.Items[0].State != "revoked" || keys.Items[0].RevokedAt == nil {
		t.Errorf("the key is %+v, want it revoked", keys.Items[0])
	}
	never := b.post(t, "/v1/keys", jsonType, []byte(`{"name": "x", "scopes": ["read"], "expires_in": 0}`))
	if key := decode[resource.NewKey](t, never); key.ExpiresAt != nil {
		t.Errorf("the key expires at %v, want never", key.ExpiresAt)
	}
	for _, wrong := range []string{
		`{"scopes": ["read"]}`, `{"name": "x"}`, `{"name": "x", "scopes": []}`, `{"name": "x", "scopes": ["write"]}`,
		`{"name": "x", "scopes": ["read"], "expires_in": -1}`, `{"name": "x", "scopes": ["read"], "colour": 1}`,
		`{"name": "x", "scopes": ["read"], "tenant": "A"}`,
	} {
		b.post(t, "/v1/keys", jsonType, []byte(wrong)).want(t, http.StatusUnprocessableEntity)
	}
}

// Package auth finds out for whom a request acts, before its body is read, and lets each route be used by those only
// that the route says. It has the operations on keys and sessions.
package auth

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/keys"
)

// Config says by what requests are identified.
type Config struct {
	Keys     *keys.Store       // for the operations on keys
	Verifier *keys.Verifier    // of keys and sessions; nil: authentication is off
	Tokens   identity.Verifier // of bearer tokens that are no keys; nil: there are none
	Proxies  guard.Proxies     // whose X-Forwarded-Proto counts
	Refusals *guard.Refusals
}

// Auth identifies requests.
type Auth struct {
	Config
	local identity.Principal // for whom all requests act while authentication is off
}

// New returns an Auth.
func New(c Config) *Auth { return &Auth{Config: c, local: identity.Local()} }

// On reports whether requests must say for whom they act.
func (a *Auth) On() bool { return a.Verifier != nil }

// caller is what a request says about for whom it acts.
type caller struct {
	auth      *Auth
	token     string // "": there is none
	session   bool   // the token came in the cookie
	secure    bool   // the client is connected by TLS, also if that ends at a proxy
	principal identity.Principal
	err       error // why there is no principal
}

type callerKey struct{}

// callerOf returns the caller of a request; nil while authentication is off.
func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// Identify returns a context that knows for whom a request acts. It refuses nothing: that is for the route, of which
// some are for all.
func (a *Auth) Identify(ctx context.Context, r *http.Request) context.Context {
	if !a.On() {
		if identity.From(ctx).Tenant != 0 { // what is before this handler has identified the request
			return ctx
		}
		return identity.With(ctx, a.local)
	}
	c := &caller{auth: a, secure: a.isSecure(r)}
	c.token, c.session = credentials(r, c.secure)
	if c.token == "" {
		return context.WithValue(ctx, callerKey{}, c)
	}
	if c.principal, c.err = c.verify(ctx); c.err == nil {
		ctx = identity.With(ctx, c.principal)
	} else if identity.Refused(c.err) {
		a.Refusals.Note(ctx, guard.Token, "client", guard.ClientOf(ctx), "error", c.err)
	}
	return context.WithValue(ctx, callerKey{}, c)
}

// verify looks up the token.
func (c *caller) verify(ctx context.Context) (identity.Principal, error) {
	switch {
	case c.token == several:
		return identity.Principal{}, identity.ErrInvalidToken
	case c.session:
		return c.auth.Verifier.VerifySession(ctx, c.token)
	case strings.HasPrefix(c.token, identity.KeyPrefix):
		return c.auth.Verifier.Verify(ctx, c.token)
	case c.auth.Tokens != nil:
		return c.auth.Tokens.Verify(ctx, c.token)
	}
	return identity.Principal{}, identity.ErrInvalidToken
}

// isSecure reports whether the client of a request is connected by TLS.
func (a *Auth) isSecure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if r.Header["X-Forwarded-Proto"] == nil {
		return false
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && a.Proxies.Contains(remote.Addr()) && r.Header.Get("X-Forwarded-Proto") == "https"
}

// credentials returns the token of a request, "" if it has none, and reports whether it is that of a session. A bearer
// token comes before a cookie.
func credentials(r *http.Request, secure bool) (token string, session bool) {
	if token := bearer(r); token != "" {
		return token, false
	}
	if r.Header["Cookie"] == nil || !ofThisSite(r) {
		return "", false
	}
	cookies := r.CookiesNamed(cookieName(secure))
	switch len(cookies) {
	case 0:
		return "", false
	case 1:
		return cookies[0].Value, true
	}
	return several, true
}

// ofThisSite reports whether a browser sends a request for a page of this site, or because its user has asked for it:
// no other request acts for a session. SameSite=Strict says nearly the same to browsers.
func ofThisSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "": // an older browser, or a connection without TLS; guard.SameOrigin has looked at the origin
		return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Header.Get("Origin") != ""
	}
	return false
}

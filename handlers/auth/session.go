package auth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/keys"
)

// The names of the cookie of a session. A browser takes the first one only from this host, by TLS and for all paths, so
// that no other host of a domain can set it.
const (
	secureCookie = "__Host-millrace"
	plainCookie  = "millrace"
)

func cookieName(secure bool) string {
	if secure {
		return secureCookie
	}
	return plainCookie
}

// cookie returns the cookie of a session; without a token it deletes the one that a browser has.
func (c *caller) cookie(token string, expires time.Time) *http.Cookie {
	cookie := &http.Cookie{ //nolint:gosec // without TLS a secure cookie would not come back
		Name:     cookieName(c.secure),
		Value:    token,
		Path:     "/",
		Secure:   c.secure,
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
		MaxAge:   -1,
	}
	if token != "" {
		cookie.MaxAge = max(1, int(time.Until(expires).Seconds()))
	}
	return cookie
}

// SessionOutput is the response that says for whom requests act.
type SessionOutput struct {
	SetCookie string `header:"Set-Cookie"`
	Body      resource.Session
}

// GetSession handles GET /v1/session.
func (a *Auth) GetSession(ctx context.Context, _ *struct{}) (*SessionOutput, error) {
	return a.sessionOutput(ctx, "")
}

func (a *Auth) sessionOutput(ctx context.Context, cookie string) (*SessionOutput, error) {
	p := identity.From(ctx)
	tenant, err := a.Keys.TenantName(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	out := &SessionOutput{SetCookie: cookie, Body: resource.Session{
		Authentication: a.On(),
		Name:           p.Name,
		Tenant:         tenant,
		Scopes:         scopeNames(p.Scopes),
	}}
	if c := callerOf(ctx); c != nil {
		out.Body.SignedIn = c.session || cookie != ""
	}
	if !p.Expires.IsZero() {
		out.Body.ExpiresAt = new(p.Expires.UTC())
	}
	return out, nil
}

func scopeNames(scopes []identity.Scope) []string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	return names
}

// SignIn handles POST /v1/session: it makes a session of the key that the request has. The key comes in the header, as
// everywhere: pages of other sites cannot make a browser send one.
func (a *Auth) SignIn(ctx context.Context, _ *struct{}) (*SessionOutput, error) {
	c := callerOf(ctx)
	p := identity.From(ctx)
	switch {
	case c == nil:
		return nil, problem.New(problem.KeyRequired, "authentication is off: there is no need to sign in")
	case c.session || p.KeyID == "":
		return nil, problem.New(problem.KeyRequired,
			"a session is made with a key in Authorization: Bearer")
	}
	token, expires, err := a.Keys.SignIn(ctx, p.KeyID)
	if identity.Refused(err) {
		return nil, Problem(err)
	}
	if err != nil {
		return nil, err
	}
	p.Expires = expires
	return a.sessionOutput(identity.With(ctx, p), c.cookie(token, expires).String())
}

// SignedOutOutput is the response to the end of a session.
type SignedOutOutput struct {
	SetCookie string `header:"Set-Cookie"`
}

// SignOut handles DELETE /v1/session: it ends the session that the request has, and deletes the cookie in any case.
func (a *Auth) SignOut(ctx context.Context, _ *struct{}) (*SignedOutOutput, error) {
	c := callerOf(ctx)
	if c == nil {
		return &SignedOutOutput{}, nil
	}
	out := &SignedOutOutput{SetCookie: c.cookie("", time.Time{}).String()}
	token, ok := identity.ParseToken(c.token, identity.SessionPrefix)
	switch {
	case !c.session || !ok || identity.Refused(c.err):
		return out, nil
	case c.err != nil:
		return nil, Problem(c.err)
	}
	if err := a.Keys.Revoke(ctx, token.ID); err != nil && !errors.Is(err, keys.ErrNotFound) {
		return nil, err
	}
	a.Verifier.Forget(token.ID)
	return out, nil
}

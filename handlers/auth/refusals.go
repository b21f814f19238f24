package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/identity"
)

// errNoToken means that a request does not say for whom it acts.
var errNoToken = errors.New(
	"this needs a key: send it as Authorization: Bearer mr_…; in a browser, sign in at /signin/")

// scopeError means that a principal may not do what it asks for.
type scopeError struct{ scope identity.Scope }

func (e scopeError) Error() string {
	if e.scope == "" {
		return "this is for no principal: the route does not say what it needs"
	}
	return "this needs a key with the scope " + string(e.scope)
}

// refuses returns why the request of a context does not have what a route needs, or nil.
func (n Need) refuses(ctx context.Context) error {
	if n.kind == public {
		return nil
	}
	c := callerOf(ctx)
	switch {
	case n.kind == undeclared:
		return scopeError{}
	case c != nil && c.err != nil:
		return c.err
	case c != nil && c.token == "":
		return errNoToken
	case n.kind == scoped && !identity.From(ctx).May(n.scope):
		return scopeError{n.scope}
	}
	return nil
}

const realm = `Bearer realm="millrace"`

// Problem returns the problem, and its headers by RFC 6750, for an error of a token or of what a principal may do.
// Other errors mean that it cannot be found out now.
func Problem(err error) error {
	var scope scopeError
	switch {
	case errors.Is(err, errNoToken):
		return challenge(problem.NoToken, err.Error(), realm)
	case errors.As(err, &scope):
		return challenge(problem.Scope, scope.Error(),
			realm+`, error="insufficient_scope", scope="`+string(scope.scope)+`"`)
	case !identity.Refused(err):
		return problem.Retryable(problem.Unavailable, "the key cannot be looked up now, try again later")
	}
	code := problem.InvalidToken
	switch {
	case errors.Is(err, identity.ErrExpired):
		code = problem.TokenExpired
	case errors.Is(err, identity.ErrRevoked):
		code = problem.TokenRevoked
	}
	detail := reason(err)
	return challenge(code, detail,
		realm+`, error="invalid_token", error_description="`+detail+`"`)
}

// reason returns what a client is told of an error of its token: which of the errors of package identity it is.
func reason(err error) string {
	for _, known := range []error{identity.ErrExpired, identity.ErrRevoked} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return identity.ErrInvalidToken.Error()
}

// challenge returns a problem with the header WWW-Authenticate.
func challenge(code problem.Code, detail, header string) error {
	return huma.ErrorWithHeaders(problem.New(code, detail), http.Header{"Www-Authenticate": {header}})
}

// refuse responds with a problem. A browser that opens a page is sent to sign in.
func refuse(w http.ResponseWriter, r *http.Request, n Need, err error) {
	navigates := n.page && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
	if navigates && (errors.Is(err, errNoToken) || identity.Refused(err)) {
		// The address is relative: a proxy may serve the site below a path of its own, and not say so.
		up := strings.Repeat("../", strings.Count(r.URL.EscapedPath(), "/")-1)
		next := strings.TrimPrefix(r.URL.RequestURI(), "/")
		w.Header().Set("Location", up+"signin/?next="+url.QueryEscape(next))
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	problem.Write(w, Problem(err))
}

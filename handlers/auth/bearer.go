package auth

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/identity"
)

// several is what is taken for the token of a request with several: none is valid.
const several = "several"

// bearer returns the bearer token of a request, "" if it has none. Other schemes are for proxies.
func bearer(r *http.Request) string {
	given := r.Header["Authorization"]
	switch len(given) {
	case 0:
		return ""
	case 1:
		scheme, token, _ := strings.Cut(given[0], " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return ""
		}
		if token = strings.Trim(token, " "); token != "" {
			return token
		}
	}
	return several
}

// Verify returns for whom a token speaks. It is an identity.Verifier's.
type Verify func(ctx context.Context, token string) (identity.Principal, error)

// Admits reports whether a request has a bearer token for a scope, and responds otherwise, in plain text. It is for
// what is served beside the API, where there are no sessions.
func Admits(w http.ResponseWriter, r *http.Request, verify Verify, scope identity.Scope) bool {
	w.Header().Set("Cache-Control", "no-store")
	var principal identity.Principal
	token := bearer(r)
	err := identity.ErrInvalidToken
	if token != several && token != "" {
		principal, err = verify(r.Context(), token)
	}
	switch {
	case token == "":
		err = challenge(problem.NoToken,
			"this needs a key with the scope "+string(scope)+": Authorization: Bearer mr_…", realm)
	case err != nil:
		err = Problem(err)
	case !principal.May(scope):
		err = Problem(scopeError{scope})
	default:
		return true
	}
	var headers huma.HeadersError
	if errors.As(err, &headers) {
		maps.Copy(w.Header(), headers.GetHeaders())
	}
	p := problem.Of(err)
	http.Error(w, p.Detail, p.Status)
	return false
}

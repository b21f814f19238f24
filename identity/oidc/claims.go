package oidc

import (
	"context"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/millrace/millrace/identity"
)

// principal returns for whom a token speaks.
func (v *Verifier) principal(
	ctx context.Context, claims jwt.Claims, others map[string]any,
) (identity.Principal, error) {
	name, _ := claim(others, v.settings.OIDCTenantClaim).(string)
	if name == "" {
		return identity.Principal{}, invalid("it has no claim %s with a tenant", v.settings.OIDCTenantClaim)
	}
	tenant, err := v.tenants(ctx, name)
	if err != nil {
		return identity.Principal{}, err
	}
	if tenant == 0 {
		return identity.Principal{}, invalid("there is no tenant %.100q", name)
	}
	return identity.Principal{
		Tenant:  tenant,
		Name:    subject(claims, others),
		Scopes:  scopes(claim(others, v.settings.OIDCScopesClaim)),
		Expires: claims.Expiry.Time().Add(leeway),
	}, nil
}

// claim returns a claim by its name or, if there is none, the one to which the parts of the name lead.
func claim(claims map[string]any, name string) any {
	if value, ok := claims[name]; ok {
		return value
	}
	first, rest, nested := strings.Cut(name, ".")
	if !nested {
		return nil
	}
	inner, _ := claims[first].(map[string]any)
	return claim(inner, rest)
}

// maxName is how much of a subject stands in logs, in bytes.
const maxName = 200

// subject returns what a token calls the one that it was made for.
func subject(claims jwt.Claims, others map[string]any) string {
	name := claims.Subject
	if name == "" {
		name, _ = others["client_id"].(string)
	}
	if name == "" {
		name = "token"
	}
	return strings.ToValidUTF8(name[:min(len(name), maxName)], "")
}

// scopes returns the scopes in a claim: a list, or words between spaces.
func scopes(value any) []identity.Scope {
	var words []string
	switch value := value.(type) {
	case string:
		words = strings.Fields(value)
	case []any:
		for _, item := range value {
			if word, ok := item.(string); ok {
				words = append(words, word)
			}
		}
	}
	var known []identity.Scope
	for _, s := range []identity.Scope{identity.ScopeRead, identity.ScopeSubmit, identity.ScopeAdmin} {
		if slices.Contains(words, string(s)) {
			known = append(known, s)
		}
	}
	return known
}

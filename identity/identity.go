// Package identity says for whom a request acts: its tenant, and what it may do. It knows neither HTTP nor a database.
package identity

import (
	"context"
	"regexp"
	"slices"
	"time"
)

// TenantID is the number of a tenant: the id of its row. 0 is none.
type TenantID int32

var tenantName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// IsTenantName reports whether the table of tenants takes a name.
func IsTenantName(name string) bool { return tenantName.MatchString(name) }

// DefaultTenant owns what was made before there were tenants, and what is made without authentication. Its row is made
// by a migration; its name is "default".
const DefaultTenant TenantID = 1

// Scope is what a principal may do. The scopes do not contain each other, except that ScopeAdmin contains all.
type Scope string

const (
	// ScopeRead is for what changes nothing.
	ScopeRead Scope = "read"
	// ScopeSubmit is for what makes, changes or deletes resources of the tenant.
	ScopeSubmit Scope = "submit"
	// ScopeAdmin is for what concerns all tenants.
	ScopeAdmin Scope = "admin"
)

// Principal is for whom a request acts. The zero Principal may do nothing.
type Principal struct {
	Tenant  TenantID
	Name    string    // of the key or the subject of the token; it stands in logs
	KeyID   string    // of the key, or of the one that a session was signed in with; "" for others
	Scopes  []Scope   // what it may do
	Expires time.Time // zero: never
}

// Local is the principal of all requests while authentication is off.
func Local() Principal {
	return Principal{
		Tenant: DefaultTenant,
		Name:   "local",
		Scopes: []Scope{ScopeAdmin},
	}
}

// May reports whether the principal has a scope.
func (p Principal) May(s Scope) bool {
	return slices.Contains(p.Scopes, s) || slices.Contains(p.Scopes, ScopeAdmin)
}

type contextKey struct{}

// With returns a context that acts for p.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From returns the principal of the context, or the zero Principal.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(contextKey{}).(Principal)
	return p
}

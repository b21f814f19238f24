package keys

import (
	"context"
	"errors"
	"testing"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
)

// TestFailedStatements: no operation says that it has succeeded when its statement has not.
func TestFailedStatements(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pool, faults := testdb.Faulty(t, b.pool)
	s := Open(pool)
	for name, operation := range map[string]func(context.Context, Key) error{
		"Create": func(ctx context.Context, _ Key) error {
			_, _, err := s.Create(ctx, Order{Tenant: "default", Name: "x", Scopes: []identity.Scope{identity.ScopeRead}})
			return err
		},
		"CreateTenant": func(ctx context.Context, _ Key) error { return s.CreateTenant(ctx, "another") },
		"TenantName": func(ctx context.Context, _ Key) error {
			_, err := s.TenantName(ctx, identity.DefaultTenant)
			return err
		},
		"List":   func(ctx context.Context, _ Key) error { _, err := s.List(ctx, ""); return err },
		"Revoke": func(ctx context.Context, key Key) error { return s.Revoke(ctx, key.ID) },
		"Usable": func(ctx context.Context, _ Key) error { _, err := s.Usable(ctx); return err },
		"SignIn": func(ctx context.Context, key Key) error { _, _, err := s.SignIn(ctx, key.ID); return err },
	} {
		faults.Each(t, name, func() func(context.Context) error {
			key, _ := b.create(identity.ScopeRead)
			return func(ctx context.Context) error { return operation(ctx, key) }
		})
	}
}

// TestSignInOnBrokenDatabase: what is wrong with the database is not taken for a key that is not valid.
func TestSignInOnBrokenDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, _ := b.create(identity.ScopeRead)
	b.exec("ALTER TABLE api_keys RENAME TO elsewhere")
	if _, _, err := b.SignIn(t.Context(), key.ID); err == nil || errors.Is(err, identity.ErrInvalidToken) {
		t.Errorf("SignIn() without its table: %v, want an error that refuses nothing", err)
	}
}

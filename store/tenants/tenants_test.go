package tenants_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store/tenants"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// TestByName: a name that is no tenant's is no error, whatever it is.
func TestByName(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	for name, want := range map[string]identity.TenantID{
		"default":                identity.DefaultTenant,
		"Default":                0,
		"nothing":                0,
		"":                       0,
		"default\x00":            0,
		"default\n":              0,
		"\xff":                   0,
		strings.Repeat("x", 100): 0,
	} {
		if got, err := tenants.ByName(t.Context(), pool, name); got != want || err != nil {
			t.Errorf("ByName(%q) = %d, %v, want %d", name, got, err, want)
		}
	}
}

// TestSet: a tenant is made when it is first named; what a change does not name stays, and a limit can be taken back.
func TestSet(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	ctx := t.Context()
	set := func(c tenants.Change, wantMade bool) tenants.Tenant {
		t.Helper()
		made, err := tenants.Set(ctx, pool, "acme", c)
		if err != nil || made != wantMade {
			t.Fatalf("Set(%+v) = %t, %v, want %t", c, made, err, wantMade)
		}
		list, err := tenants.List(ctx, pool)
		if err != nil || len(list) != 2 || list[0].Name != "acme" || list[1].Name != "default" {
			t.Fatalf("List() = %+v, %v, want acme and default", list, err)
		}
		return list[0]
	}
	bytes := tenants.Changed[int64]{Set: true, To: new(int64(5))}
	got := set(tenants.Change{Weight: 2, StoredBytes: bytes}, true)
	if got.Weight != 2 || got.MaxStoredBytes == nil || *got.MaxStoredBytes != 5 || got.MaxRequests != nil {
		t.Errorf("the new tenant is %+v, want weight 2 and 5 bytes", got)
	}
	requests := tenants.Changed[float64]{Set: true, To: new(0.5)}
	got = set(tenants.Change{StoredBytes: tenants.Changed[int64]{Set: true}, Requests: requests}, false)
	if got.Weight != 2 || got.MaxStoredBytes != nil || got.MaxRequests == nil || *got.MaxRequests != 0.5 {
		t.Errorf("the changed tenant is %+v, want weight 2 and half a request", got)
	}
	if made, err := tenants.Make(ctx, pool, "acme"); made || err != nil {
		t.Errorf("Make() of one that is there = %t, %v, want false", made, err)
	}
	if made, err := tenants.Set(ctx, pool, "Acme", tenants.Change{}); made || !errors.Is(err, tenants.ErrName) {
		t.Errorf("Set() with a name that no tenant has = %t, %v, want %v", made, err, tenants.ErrName)
	}
	for id, want := range map[identity.TenantID]string{identity.DefaultTenant: "default", got.ID: "acme", 12345: ""} {
		if name, err := tenants.Name(ctx, pool, id); name != want || err != nil {
			t.Errorf("Name(%d) = %q, %v, want %q", id, name, err, want)
		}
	}
}

// TestFailedStatements: no operation says that it has succeeded when a statement has not.
func TestFailedStatements(t *testing.T) {
	t.Parallel()
	pool, faults := testdb.Faulty(t, testdb.New(t))
	for name, operation := range map[string]func(context.Context) error{
		"ByName": func(ctx context.Context) error { _, err := tenants.ByName(ctx, pool, "default"); return err },
		"Name":   func(ctx context.Context) error { _, err := tenants.Name(ctx, pool, identity.DefaultTenant); return err },
		"Make":   func(ctx context.Context) error { _, err := tenants.Make(ctx, pool, "acme"); return err },
		"List":   func(ctx context.Context) error { _, err := tenants.List(ctx, pool); return err },
		"Set": func(ctx context.Context) error {
			_, err := tenants.Set(ctx, pool, "acme", tenants.Change{Weight: 2})
			return err
		},
	} {
		faults.Each(t, name, func() func(context.Context) error { return operation })
	}
}

package tenants_test

import (
	"context"
	"strings"
	"testing"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store/tenants"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// TestByName: a name that is no tenant's is no error, whatever it is; a database that does not respond is one.
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
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := tenants.ByName(ctx, pool, "default"); err == nil {
		t.Errorf("ByName() without a database = %d, nil, want an error", got)
	}
}

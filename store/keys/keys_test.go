package keys

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// bundle is the keys of a database, and a verifier.
type bundle struct {
	t    testing.TB
	pool *pgxpool.Pool
	*Store
	verifier *Verifier
}

func setup(t testing.TB) *bundle { return setupOn(t, testdb.New(t)) }

func setupOn(t testing.TB, pool *pgxpool.Pool) *bundle {
	s := Open(pool)
	return &bundle{
		t:        t,
		pool:     pool,
		Store:    s,
		verifier: NewVerifier(s, slog.New(slog.DiscardHandler)),
	}
}

// create makes a key of the default tenant.
func (b *bundle) create(scopes ...identity.Scope) (Key, string) {
	b.t.Helper()
	key, token, err := b.Create(b.t.Context(), Order{
		Tenant:  "default",
		Name:    "a key",
		Scopes:  scopes,
		Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return key, token
}

func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatal(err)
	}
}

// verifies checks what becomes of a token.
func (b *bundle) verifies(token string, want error) identity.Principal {
	b.t.Helper()
	verify := b.verifier.Verify
	if strings.HasPrefix(token, identity.SessionPrefix) {
		verify = b.verifier.VerifySession
	}
	p, err := verify(b.t.Context(), token)
	if !errors.Is(err, want) {
		b.t.Fatalf("Verify(%s) = %+v, %v, want %v", token, p, err, want)
	}
	return p
}

func TestCreateListRevoke(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if usable, err := b.Usable(t.Context()); usable || err != nil {
		t.Errorf("Usable() = %t, %v without keys, want false", usable, err)
	}
	if err := b.CreateTenant(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	first, token := b.create(identity.ScopeSubmit, identity.ScopeRead, identity.ScopeRead)
	second, _, err := b.Create(t.Context(), Order{
		Tenant: "acme",
		Name:   "Ein Schlüssel",
		Scopes: []identity.Scope{identity.ScopeAdmin},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []identity.Scope{identity.ScopeRead, identity.ScopeSubmit}; !slices.Equal(first.Scopes, want) {
		t.Errorf("the scopes are %v, want %v", first.Scopes, want)
	}
	for tenant, want := range map[string][]string{
		"":        {second.ID, first.ID},
		"default": {first.ID},
		"acme":    {second.ID},
		"other":   nil,
	} {
		list, err := b.List(t.Context(), tenant)
		var got []string
		for _, key := range list {
			got = append(got, key.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("List(%q) = %v, %v, want %v", tenant, got, err, want)
		}
	}
	var text string
	if err := b.pool.QueryRow(t.Context(), "SELECT string_agg(k::text, ' ') FROM api_keys k").Scan(&text); err != nil {
		t.Fatal(err)
	}
	if secret := token[14:]; strings.Contains(text, secret) {
		t.Errorf("the rows %s contain the secret, want none of it", text)
	}
	for range 2 {
		if err := b.Revoke(t.Context(), first.ID); err != nil {
			t.Errorf("Revoke() = %v, want success, also twice", err)
		}
	}
	if err := b.Revoke(t.Context(), "0123456789"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Revoke() of an id that there is not = %v, want %v", err, ErrNotFound)
	}
	if usable, err := b.Usable(t.Context()); !usable || err != nil {
		t.Errorf("Usable() = %t, %v with a key, want true", usable, err)
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	read := []identity.Scope{identity.ScopeRead}
	for name, c := range map[string]struct {
		order Order
		want  error
	}{
		"no tenant":     {Order{Tenant: "other", Name: "x", Scopes: read}, ErrNoTenant},
		"no name":       {Order{Tenant: "default", Scopes: read}, ErrInvalid},
		"long name":     {Order{Tenant: "default", Name: strings.Repeat("x", 101), Scopes: read}, ErrInvalid},
		"line break":    {Order{Tenant: "default", Name: "a\nb", Scopes: read}, ErrInvalid},
		"not UTF-8":     {Order{Tenant: "default", Name: "\xff", Scopes: read}, ErrInvalid},
		"no scope":      {Order{Tenant: "default", Name: "x"}, ErrInvalid},
		"other scope":   {Order{Tenant: "default", Name: "x", Scopes: []identity.Scope{"write"}}, ErrInvalid},
		"from the past": {Order{Tenant: "default", Name: "x", Scopes: read, Expires: time.Now().Add(-time.Hour)}, ErrInvalid},
	} {
		if _, _, err := b.Create(t.Context(), c.order); !errors.Is(err, c.want) {
			t.Errorf("%s: Create() = %v, want %v", name, err, c.want)
		}
	}
	longest := Order{
		Tenant: "default",
		Name:   strings.Repeat("é", maxName),
		Scopes: read,
	}
	if _, _, err := b.Create(t.Context(), longest); err != nil {
		t.Errorf("Create() with a name of %d characters = %v, want nil", maxName, err)
	}
	for _, name := range []string{"", "Acme", "-a", "a b", strings.Repeat("a", 64)} {
		if err := b.CreateTenant(t.Context(), name); !errors.Is(err, ErrInvalid) {
			t.Errorf("CreateTenant(%q) = %v, want %v", name, err, ErrInvalid)
		}
	}
}

// TestSessions: a session has what its key has, and goes with it.
func TestSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, token := b.create(identity.ScopeRead)
	session, expires, err := b.SignIn(t.Context(), key.ID)
	if err != nil || !expires.Equal(key.Expires.Truncate(time.Microsecond)) {
		t.Fatalf("SignIn() = %v, %v, want the end of its key, %v", expires, err, key.Expires)
	}
	want := b.verifies(token, nil)
	got := b.verifies(session, nil)
	if got.KeyID != key.ID || got.Name != want.Name || got.Tenant != want.Tenant || !got.May(identity.ScopeRead) ||
		got.May(identity.ScopeSubmit) {
		t.Errorf("the session acts for %+v, want %+v", got, want)
	}
	list, err := b.List(t.Context(), "")
	if err != nil || len(list) != 1 {
		t.Errorf("List() = %+v, %v, want the key alone", list, err)
	}
	if _, err := b.verifier.Verify(t.Context(), session); !errors.Is(err, identity.ErrInvalidToken) {
		t.Errorf("a session as a key: %v, want %v", err, identity.ErrInvalidToken)
	}
	if err := b.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	b.verifier.Forget(key.ID)
	b.verifies(session, identity.ErrRevoked)
	if _, _, err := b.SignIn(t.Context(), key.ID); !errors.Is(err, identity.ErrInvalidToken) {
		t.Errorf("SignIn() with a revoked key = %v, want %v", err, identity.ErrInvalidToken)
	}
}

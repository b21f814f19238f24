package server

import (
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/identity/oidc"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store/keys"
)

// TestTokens: without an issuer there is nothing that verifies its tokens, and one that is unreachable refuses none.
func TestTokens(t *testing.T) {
	t.Parallel()
	p := &Process{log: slog.New(slog.DiscardHandler)}
	if v := p.tokens(); v != nil {
		t.Errorf("tokens() = %v, want nil", v)
	}
	p.config.OIDC = oidc.Settings{
		OIDCIssuer:   "https://127.0.0.1:1/realm",
		OIDCAudience: "millrace",
		OIDCType:     "JWT",
	}
	const token = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30." +
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if _, err := p.tokens().Verify(t.Context(), token); !errors.Is(err, oidc.ErrUnavailable) || identity.Refused(err) {
		t.Errorf("Verify() = %v, want %v", err, oidc.ErrUnavailable)
	}
}

// TestRevokedKeysAreForgotten: an API that knows a key learns at once that it was revoked, and after a loss of its
// connection, what it has missed.
func TestRevokedKeysAreForgotten(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	all := keys.Open(pool)
	create := func() (Key, string) {
		t.Helper()
		order := KeyOrder{
			Tenant: "default",
			Name:   "admin",
			Scopes: []identity.Scope{identity.ScopeAdmin},
		}
		key, token, err := all.Create(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		return key, token
	}
	missed, missedToken := create()
	p, _ := withPool(t, pool)
	a, err := p.startAuth(t.Context(), &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.keyring.stop()
	revoke := func(key Key, token string, then func()) {
		t.Helper()
		if _, err := a.Verifier.Verify(t.Context(), token); err != nil {
			t.Fatalf("a new key: %v, want nil", err)
		}
		if err := all.Revoke(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		then()
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if _, err = a.Verifier.Verify(t.Context(), token); err != nil {
				break
			}
		}
		if !errors.Is(err, identity.ErrRevoked) {
			t.Errorf("a revoked key: %v, want %v", err, identity.ErrRevoked)
		}
	}
	revoke(missed, missedToken, func() { p.hub.Start(t.Context()) })
	defer p.hub.Stop()
	told, toldToken := create()
	revoke(told, toldToken, func() {})
}

package server

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/identity/oidc"
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

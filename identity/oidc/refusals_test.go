package oidc

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/millrace/millrace/identity"
)

// TestRefusals: a token that is not exactly what was asked for is refused, and never taken for another error.
func TestRefusals(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	v := i.verifier(asItIs)
	now := time.Now()
	good := i.token(nil)
	parts := strings.Split(good, ".")
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaOf := func(algorithm jose.SignatureAlgorithm) signer { return signer{"rsa", algorithm, i.signers[0].key} }
	hmac := func() string {
		key := jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte(strings.Repeat("k", 32)), KeyID: "rsa"}}
		made, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("at+jwt"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := jwt.Signed(made).Claims(i.claims(nil)).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	embedded := func() string {
		key := jose.SigningKey{Algorithm: jose.EdDSA, Key: stranger}
		made, err := jose.NewSigner(key, (&jose.SignerOptions{EmbedJWK: true}).WithType("at+jwt").
			WithHeader("jku", "https://evil.example/keys").WithHeader("kid", "ed"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := jwt.Signed(made).Claims(i.claims(nil)).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, token := range map[string]string{
		"empty":                    "",
		"no token":                 "a.b.c",
		"a key":                    "mr_0123456789_abc",
		"two parts":                parts[0] + "." + parts[1],
		"no signature":             parts[0] + "." + parts[1] + ".",
		"another's signature":      parts[0] + "." + parts[1] + "." + strings.Split(i.token(map[string]any{"sub": "x"}), ".")[2],
		"without algorithm":        "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + parts[1] + ".",
		"HMAC":                     hmac(),
		"PS256":                    i.sign(rsaOf(jose.PS256), "at+jwt", i.claims(nil)),
		"RS512":                    i.sign(rsaOf(jose.RS512), "at+jwt", i.claims(nil)),
		"an embedded key":          embedded(),
		"a stranger with our id":   i.sign(signer{"ed", jose.EdDSA, stranger}, "at+jwt", i.claims(nil)),
		"an id of another kind":    i.sign(signer{"rsa", jose.EdDSA, stranger}, "at+jwt", i.claims(nil)),
		"an unknown id":            i.sign(signer{"unknown", jose.EdDSA, stranger}, "at+jwt", i.claims(nil)),
		"another type":             i.sign(i.signers[1], "JWT", i.claims(nil)),
		"no type":                  i.sign(i.signers[1], "", i.claims(nil)),
		"an ID token":              i.token(map[string]any{"nonce": "n"}),
		"another issuer":           i.token(map[string]any{"iss": i.url() + "/"}),
		"no issuer":                i.token(map[string]any{"iss": nil}),
		"another audience":         i.token(map[string]any{"aud": "other"}),
		"no audience":              i.token(map[string]any{"aud": nil}),
		"no end":                   i.token(map[string]any{"exp": nil}),
		"an end that is no number": i.token(map[string]any{"exp": "tomorrow"}),
		"not valid yet":            i.token(map[string]any{"nbf": now.Add(2 * leeway).Unix()}),
		"of the future":            i.token(map[string]any{"iat": now.Add(2 * leeway).Unix()}),
		"no tenant":                i.token(map[string]any{"tenant": nil}),
		"an empty tenant":          i.token(map[string]any{"tenant": ""}),
		"a list of tenants":        i.token(map[string]any{"tenant": []string{"physics"}}),
		"an unknown tenant":        i.token(map[string]any{"tenant": "chemistry"}),
		"a long one":               i.token(map[string]any{"x": strings.Repeat("x", maxToken)}),
	} {
		if got, err := v.Verify(t.Context(), token); !errors.Is(err, identity.ErrInvalidToken) || got.Tenant != 0 {
			t.Errorf("%s: Verify() = %+v, %v, want %v", name, got, err, identity.ErrInvalidToken)
		}
	}
	if _, err := v.Verify(t.Context(), i.token(map[string]any{"exp": now.Add(-2 * leeway).Unix()})); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("an expired token: %v, want %v", err, identity.ErrExpired)
	}
	if _, err := v.Verify(t.Context(), i.token(map[string]any{"exp": now.Add(-leeway / 2).Unix()})); err != nil {
		t.Errorf("a token that expired within the leeway: %v, want nil", err)
	}
	if _, err := v.Verify(t.Context(), i.token(map[string]any{"tenant": "unavailable"})); err == nil || identity.Refused(err) {
		t.Errorf("a tenant that cannot be looked up: %v, want an error that is no refusal", err)
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Errorf("the token itself: %v, want nil", err)
	}
	i.wantFetches(1) // an unknown id does not become a request so soon
}

package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testtls"
)

// signer is a key of an issuer.
type signer struct {
	id        string
	algorithm jose.SignatureAlgorithm
	key       crypto.Signer
}

// issuer is one that listens by TLS.
type issuer struct {
	t         *testing.T
	server    *httptest.Server
	transport *http.Transport
	signers   []signer

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetches int
	status  int    // instead of the keys
	name    string // instead of its own
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	authority := testtls.New(t)
	i := &issuer{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /realm/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		name := i.name
		if name == "" {
			name = i.url()
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": name, "jwks_uri": i.server.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.fetches++
		if i.status != 0 {
			w.WriteHeader(i.status)
			return
		}
		keys := []any{map[string]string{"kty": "OKP", "crv": "X25519", "x": "AA", "kid": "of another kind"}}
		for _, key := range i.keys {
			keys = append(keys, key)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	})
	i.server = httptest.NewUnstartedServer(mux)
	i.server.TLS = authority.Server()
	i.server.StartTLS()
	t.Cleanup(i.server.Close)
	i.transport = &http.Transport{TLSClientConfig: authority.Config()}
	t.Cleanup(i.transport.CloseIdleConnections)
	rsaKey, err := rsa.GenerateKey(rand.Reader, minRSA)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.signers = []signer{{"rsa", jose.RS256, rsaKey}, {"ec", jose.ES256, ecKey}, {"ed", jose.EdDSA, edKey}}
	for _, s := range i.signers {
		i.publish(s)
	}
	return i
}

func (i *issuer) url() string { return i.server.URL + "/realm" }

// publish adds a key to those that the issuer shows.
func (i *issuer) publish(s signer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, jose.JSONWebKey{
		Key:       s.key.Public(),
		KeyID:     s.id,
		Algorithm: string(s.algorithm),
		Use:       "sig",
	})
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) wantFetches(want int) {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fetches != want {
		i.t.Errorf("the keys were fetched %d times, want %d", i.fetches, want)
	}
}

// claims are those of a token that is accepted, with changes; a nil value leaves a claim out.
func (i *issuer) claims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss":    i.url(),
		"aud":    []string{"other", "millrace"},
		"sub":    "robot",
		"exp":    time.Now().Add(time.Hour).Unix(),
		"iat":    time.Now().Unix(),
		"tenant": "physics",
		"scope":  "openid read submit",
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// sign returns a token.
func (i *issuer) sign(s signer, kind string, claims map[string]any) string {
	i.t.Helper()
	key := jose.SigningKey{Algorithm: s.algorithm, Key: jose.JSONWebKey{Key: s.key, KeyID: s.id}}
	options := &jose.SignerOptions{}
	if kind != "" {
		options = options.WithType(jose.ContentType(kind))
	}
	made, err := jose.NewSigner(key, options)
	if err != nil {
		i.t.Fatal(err)
	}
	text, err := jwt.Signed(made).Claims(claims).Serialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

// token returns one that is accepted but for the changes.
func (i *issuer) token(changes map[string]any) string {
	return i.sign(i.signers[1], "at+jwt", i.claims(changes))
}

// verifier returns one for the issuer, with a tenant physics that has the number 7.
func (i *issuer) verifier(change func(*Settings)) *Verifier {
	s := Settings{
		OIDCIssuer:      i.url(),
		OIDCAudience:    "millrace",
		OIDCType:        "at+jwt",
		OIDCTenantClaim: "tenant",
		OIDCScopesClaim: "scope",
	}
	change(&s)
	tenants := func(_ context.Context, name string) (identity.TenantID, error) {
		switch name {
		case "physics":
			return 7, nil
		case "unavailable":
			return 0, errors.New("the database is unavailable")
		}
		return 0, nil
	}
	return New(s, tenants, i.transport, slog.New(slog.DiscardHandler))
}

func asItIs(*Settings) {}

// TestVerify: a token of each algorithm is accepted, and says what its claims say.
func TestVerify(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	v := i.verifier(asItIs)
	for _, s := range i.signers {
		for range 2 { // the second time it is remembered
			got, err := v.Verify(t.Context(), i.sign(s, "application/at+jwt", i.claims(map[string]any{"exp": int64(4e9)})))
			if err != nil || got.Tenant != 7 || got.Name != "robot" || !got.Expires.Equal(time.Unix(4e9, 0).Add(leeway)) ||
				!slices.Equal(got.Scopes, []identity.Scope{identity.ScopeRead, identity.ScopeSubmit}) {
				t.Errorf("%s: Verify() = %+v, %v, want robot of tenant 7 with read and submit", s.algorithm, got, err)
			}
		}
	}
	i.wantFetches(1)
}

// TestClaims: tenant and scopes come from the claims that the settings name.
func TestClaims(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	for name, test := range map[string]struct {
		change func(*Settings)
		claims map[string]any
		want   []identity.Scope
	}{
		"a list": {
			func(s *Settings) { s.OIDCScopesClaim = "roles" },
			map[string]any{"roles": []any{"admin", 1, "owner"}},
			[]identity.Scope{identity.ScopeAdmin},
		},
		"an address": {
			func(s *Settings) { s.OIDCTenantClaim = "https://example.org/tenant" },
			map[string]any{"https://example.org/tenant": "physics", "tenant": nil},
			[]identity.Scope{identity.ScopeRead, identity.ScopeSubmit},
		},
		"in an object": {
			func(s *Settings) { s.OIDCScopesClaim = "realm_access.roles" },
			map[string]any{"realm_access": map[string]any{"roles": []string{"read"}}},
			[]identity.Scope{identity.ScopeRead},
		},
		"no scopes": {asItIs, map[string]any{"scope": "openid"}, nil},
		"no claim":  {asItIs, map[string]any{"scope": nil}, nil},
		"a number":  {asItIs, map[string]any{"scope": 1}, nil},
	} {
		got, err := i.verifier(test.change).Verify(t.Context(), i.token(test.claims))
		if err != nil || got.Tenant != 7 || !slices.Equal(got.Scopes, test.want) {
			t.Errorf("%s: Verify() = %+v, %v, want scopes %v", name, got, err, test.want)
		}
	}
}

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

// TestRemembered: a token is not taken for valid for longer than it is, and not after its tenant could be gone.
func TestRemembered(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	v := i.verifier(asItIs)
	now := time.Now()
	v.now = func() time.Time { return now }
	token := i.token(map[string]any{"exp": now.Add(10 * time.Second).Unix()})
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	now = now.Add(10*time.Second + leeway + time.Second)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("a token that has expired since: %v, want %v", err, identity.ErrExpired)
	}
	token = i.token(nil)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	v.tenants = func(context.Context, string) (identity.TenantID, error) { return 0, nil }
	now = now.Add(knownFor)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, identity.ErrInvalidToken) {
		t.Errorf("a token of a tenant that is gone: %v, want %v", err, identity.ErrInvalidToken)
	}
}

// TestRotation: a new key of the issuer is found, and tokens that are made up do not become requests.
func TestRotation(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	v := i.verifier(asItIs)
	now := time.Now()
	v.now = func() time.Time { return now }
	if _, err := v.Verify(t.Context(), i.token(nil)); err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	next := signer{"next", jose.EdDSA, key}
	i.publish(next)
	token := i.sign(next, "at+jwt", i.claims(nil))
	for range 20 {
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, identity.ErrInvalidToken) {
			t.Fatalf("an unknown key, within a minute: %v, want %v", err, identity.ErrInvalidToken)
		}
	}
	i.wantFetches(1)
	now = now.Add(unknownPause)
	var tokens sync.WaitGroup
	for range 20 {
		tokens.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Errorf("the new key, after a minute: %v, want nil", err)
			}
		})
	}
	tokens.Wait()
	i.wantFetches(2)

	i.set(func() { i.keys = i.keys[3:] }) // the others are withdrawn
	now = now.Add(freshFor)
	old := i.token(map[string]any{"exp": now.Add(2 * freshFor).Unix()})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // the refresh is in the background
		now = now.Add(knownFor)
		if _, err := v.Verify(t.Context(), old); errors.Is(err, identity.ErrInvalidToken) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a key that was withdrawn is still accepted")
		}
	}
}

// TestIssuerUnreachable: while the issuer is unreachable no token is refused for that, and those whose key is known are
// accepted.
func TestIssuerUnreachable(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	v := i.verifier(asItIs)
	now := time.Now()
	v.now = func() time.Time { return now }
	i.set(func() { i.status = http.StatusBadGateway })
	for range 20 {
		if _, err := v.Verify(t.Context(), i.token(nil)); !errors.Is(err, ErrUnavailable) || identity.Refused(err) {
			t.Fatalf("without keys: %v, want %v", err, ErrUnavailable)
		}
	}
	i.wantFetches(1)
	i.set(func() { i.status = 0 })
	now = now.Add(failedPause)
	if _, err := v.Verify(t.Context(), i.token(nil)); err != nil {
		t.Errorf("when the issuer is back: %v, want nil", err)
	}
	i.set(func() { i.status = http.StatusBadGateway })
	now = now.Add(freshFor)
	late := map[string]any{"exp": now.Add(2 * usableFor).Unix()}
	if _, err := v.Verify(t.Context(), i.token(late)); err != nil {
		t.Errorf("a known key while the issuer is unreachable: %v, want nil", err)
	}
	now = now.Add(usableFor)
	if _, err := v.Verify(t.Context(), i.token(late)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a key that was not seen for a day: %v, want %v", err, ErrUnavailable)
	}
}

// TestIssuerOfAnotherName: keys are taken only from an issuer that is who the settings say, by a certificate that is
// trusted.
func TestIssuerOfAnotherName(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	i.set(func() { i.name = "https://evil.example" })
	if _, err := i.verifier(asItIs).Verify(t.Context(), i.token(nil)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an issuer with another name: %v, want %v", err, ErrUnavailable)
	}
	i.set(func() { i.name = "" })
	v := i.verifier(asItIs)
	v.keys.client.Transport = nil // trusts the authorities of the system
	if _, err := v.Verify(t.Context(), i.token(nil)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an issuer with an unknown authority: %v, want %v", err, ErrUnavailable)
	}
	i.wantFetches(0)
}

// TestValidate: an issuer must be https, and tokens for others must not be accepted.
func TestValidate(t *testing.T) {
	t.Parallel()
	valid := Settings{
		OIDCIssuer:      "https://login.example.org/realm",
		OIDCAudience:    "millrace",
		OIDCType:        "at+jwt",
		OIDCTenantClaim: "tenant",
		OIDCScopesClaim: "scope",
	}
	for flag, change := range map[string]func(*Settings){
		"":                    asItIs,
		"--oidc-issuer":       func(s *Settings) { s.OIDCIssuer = "http://login.example.org" },
		"--oidc-audience":     func(s *Settings) { s.OIDCAudience = "" },
		"--oidc-tenant-claim": func(s *Settings) { s.OIDCTenantClaim = "" },
	} {
		s := valid
		change(&s)
		if err := s.Validate(); (err == nil) != (flag == "") || err != nil && !strings.Contains(err.Error(), flag) {
			t.Errorf("Validate() = %v, want an error about %q", err, flag)
		}
	}
	if err := (Settings{}).Validate(); err != nil {
		t.Errorf("Validate() without an issuer = %v, want nil", err)
	}
}

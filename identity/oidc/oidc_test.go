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
	status  int      // instead of the keys
	name    string   // instead of its own
	keysAt  string   // instead of where they are
	traces  []string // that requests were part of
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
		keysAt := i.keysAt
		if keysAt == "" {
			keysAt = i.server.URL + "/keys"
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": name, "jwks_uri": keysAt})
	})
	mux.Handle("GET /elsewhere", http.RedirectHandler("/keys", http.StatusFound))
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.fetches++
		i.traces = append(i.traces, r.Header.Get("Traceparent"))
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

// TestSubject: a principal is called by its subject or, without one, its client, as much of it as fits into a line.
func TestSubject(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	v := i.verifier(asItIs)
	long := strings.Repeat("ä", maxName)
	for want, claims := range map[string]map[string]any{
		"robot":                {"client_id": "client"},
		"client":               {"sub": nil, "client_id": "client"},
		"token":                {"sub": nil},
		long[:maxName]:         {"sub": long},
		"a" + long[:maxName-2]: {"sub": "a" + long},
	} {
		if got, err := v.Verify(t.Context(), i.token(claims)); err != nil || got.Name != want {
			t.Errorf("Verify() = %q, %v, want %q", got.Name, err, want)
		}
	}
}

package oidc

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/tracing"
)

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
	token = i.token(map[string]any{"exp": now.Add(10*time.Second - leeway).Unix()})
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	now = now.Add(11 * time.Second)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("a token that is remembered, and has expired: %v, want %v", err, identity.ErrExpired)
	}
	for len(v.known) < maxKnown {
		v.remember([32]byte(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(len(v.known)))), identity.Principal{}, now)
	}
	token = i.token(nil)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if len(v.known) != 1 {
		t.Errorf("%d tokens are remembered after the one that is too many, want 1", len(v.known))
	}
	v.tenants = func(context.Context, string) (identity.TenantID, error) { return 0, nil }
	now = now.Add(knownFor)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, identity.ErrInvalidToken) {
		t.Errorf("a token of a tenant that is gone: %v, want %v", err, identity.ErrInvalidToken)
	}
}

// TestTraced: the issuer is told of which trace a request for its keys is part, if that is recorded.
func TestTraced(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	traced, _ := tracing.NewTracer(provider, provider).Job(t.Context(), "request", "")
	for _, ctx := range []context.Context{t.Context(), traced} {
		if _, err := i.verifier(asItIs).Verify(ctx, i.token(nil)); err != nil { // each has keys of its own
			t.Fatal(err)
		}
	}
	ended := spans.Ended()
	i.set(func() {
		if len(ended) != 1 || ended[0].Name() != "fetch keys" || len(i.traces) != 2 || i.traces[0] != "" ||
			!strings.Contains(i.traces[1], ended[0].SpanContext().SpanID().String()) {
			t.Errorf("the issuer was told of %q, want of none, then of the span that has ended: %v", i.traces, ended)
		}
	})
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

// TestUnusableKeys: what an issuer publishes that is not a public key for signatures verifies nothing.
func TestUnusableKeys(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	i.set(func() {
		i.keys[0].Key = i.signers[0].key // the private one
		i.keys[2].Use = "enc"
	})
	v := i.verifier(asItIs)
	for _, unusable := range []int{0, 2} {
		token := i.sign(i.signers[unusable], "at+jwt", i.claims(nil))
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, identity.ErrInvalidToken) {
			t.Errorf("%s: %v, want %v", i.signers[unusable].id, err, identity.ErrInvalidToken)
		}
	}
	if _, err := v.Verify(t.Context(), i.token(nil)); err != nil {
		t.Errorf("the key beside them: %v, want nil", err)
	}
}

// TestIssuerOfAnotherName: keys are taken only from the issuer that the settings name, by a certificate that is
// trusted.
func TestIssuerOfAnotherName(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	i.set(func() { i.name = "https://evil.example" })
	if _, err := i.verifier(asItIs).Verify(t.Context(), i.token(nil)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an issuer with another name: %v, want %v", err, ErrUnavailable)
	}
	i.set(func() { i.name = "" })
	for address, want := range map[string]string{
		"http" + strings.TrimPrefix(i.server.URL, "https") + "/keys": "not https",
		"https://%zz":               "not https",
		i.server.URL + "/elsewhere": "redirects",
		i.server.URL + "/nowhere":   "404",
	} {
		i.set(func() { i.keysAt = address })
		_, err := i.verifier(asItIs).Verify(t.Context(), i.token(nil))
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("keys at %s: %v, want %v and %s", address, err, ErrUnavailable, want)
		}
	}
	i.set(func() { i.keysAt = "" })
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
		"--oidc-scopes-claim": func(s *Settings) { s.OIDCScopesClaim = "" },
		"--oidc-type":         func(s *Settings) { s.OIDCType = "" },
	} {
		s := valid
		change(&s)
		if err := s.Validate(); (err == nil) != (flag == "") || err != nil && !strings.Contains(err.Error(), flag) {
			t.Errorf("Validate() = %v, want an error about %q", err, flag)
		}
	}
	for _, address := range []string{":", "https:///realm", "https://example.org?a=b", "https://example.org#a"} {
		s := valid
		s.OIDCIssuer = address
		if err := s.Validate(); err == nil {
			t.Errorf("Validate() of %s = nil, want an error", address)
		}
	}
	if err := (Settings{}).Validate(); err != nil {
		t.Errorf("Validate() without an issuer = %v, want nil", err)
	}
}

package oidc

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/logs"
)

// madeUp returns a public RSA key of a size, of which there is no private one.
func madeUp(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits)
	return &rsa.PublicKey{N: n.Sub(n, big.NewInt(1)), E: 65537}
}

// TestFits: a key is one for the algorithm of its kind, if it is strong enough, and for no other.
func TestFits(t *testing.T) {
	t.Parallel()
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		key  crypto.PublicKey
		want jose.SignatureAlgorithm
	}{
		"RSA of 2048 bits": {madeUp(minRSA), jose.RS256},
		"RSA of 2047 bits": {madeUp(minRSA - 1), ""},
		"P-256":            {&ecdsa.PublicKey{Curve: elliptic.P256()}, jose.ES256},
		"P-384":            {&ecdsa.PublicKey{Curve: elliptic.P384()}, ""},
		"Ed25519":          {ed, jose.EdDSA},
		"a secret":         {[]byte("secret"), ""},
	} {
		for _, algorithm := range append([]jose.SignatureAlgorithm{jose.HS256, jose.RS512}, algorithms...) {
			if got, want := fits(test.key, string(algorithm)), algorithm == test.want; got != want {
				t.Errorf("%s for %s: got %t, want %t", name, algorithm, got, want)
			}
		}
	}
}

// TestMatch: a key has the id that the token names, if it names one, and is for its algorithm; without an id it must be
// the only one.
func TestMatch(t *testing.T) {
	t.Parallel()
	first, second := madeUp(minRSA), madeUp(minRSA+1)
	now := time.Now()
	s := newKeySet("", nil, nil)
	s.fetched = now
	s.keys = []jose.JSONWebKey{
		{Key: first, KeyID: "first", Algorithm: "RS256"},
		{Key: second, KeyID: "second"},
		{Key: second, KeyID: "another", Algorithm: "PS256"},
		{Key: &ecdsa.PublicKey{Curve: elliptic.P256()}, KeyID: "broken", Algorithm: "RS256"},
	}
	for _, test := range []struct {
		id        string
		algorithm jose.SignatureAlgorithm
		age       time.Duration
		want      any
	}{
		{"first", jose.RS256, 0, first},
		{"second", jose.RS256, 0, second},
		{"another", jose.RS256, 0, nil},
		{"broken", jose.RS256, 0, nil},
		{"broken", jose.ES256, 0, nil},
		{"third", jose.RS256, 0, nil},
		{"", jose.RS256, 0, nil},
		{"", jose.EdDSA, 0, nil},
		{"first", jose.RS256, usableFor - 1, first},
		{"first", jose.RS256, usableFor, nil},
	} {
		if got := s.match(test.id, string(test.algorithm), now.Add(test.age)); got != test.want {
			t.Errorf("match(%q, %s) after %v = %v, want %v", test.id, test.algorithm, test.age, got, test.want)
		}
	}
	s.keys = s.keys[:1]
	if got := s.match("", string(jose.RS256), now); got != first {
		t.Errorf("match() of a token without an id = %v, want the only key", got)
	}
	s.tried = now
	if got, err := s.find(t.Context(), "third", string(jose.RS256), now); got != nil || !errors.Is(err, identity.ErrInvalidToken) {
		t.Errorf("find() of an unknown key = %v, %v, want %v", got, err, identity.ErrInvalidToken)
	}
	s.fetched = time.Time{}
	if got := s.match("first", string(jose.RS256), time.Time{}); got != nil {
		t.Errorf("match() before keys were fetched = %v, want none", got)
	}
}

// settled waits for the fetch that runs, and returns when the last one began, and its error.
func settled(s *keySet) (tried time.Time, err error) {
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if running != nil {
		<-running
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried, s.err
}

// TestPauses: while keys are known, an issuer that fails is asked once in a minute; each few seconds when they are not
// known any more.
func TestPauses(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	v := i.verifier(asItIs)
	var lines bytes.Buffer
	v.keys.log = logs.NewLimited(slog.New(slog.NewTextHandler(&lines, nil)))
	now := time.Now()
	v.now = func() time.Time { return now }
	token := i.token(map[string]any{"exp": now.Add(3 * usableFor).Unix()})
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	i.set(func() { i.status = 500 })
	begin := now
	for _, step := range []struct {
		after time.Duration // the first fetch
		asked bool
	}{
		{freshFor - 1, false},
		{freshFor, true},
		{freshFor + failedPause, false},
		{freshFor + unknownPause - 1, false},
		{freshFor + unknownPause, true},
		{usableFor - failedPause, true},
		{usableFor, true},
		{usableFor + failedPause - 1, false},
		{usableFor + failedPause, true},
	} {
		now = begin.Add(step.after)
		known := step.after < usableFor
		clear(v.known) // what is remembered asks for no key
		if _, err := v.Verify(t.Context(), token); (err == nil) != known || !known && !errors.Is(err, ErrUnavailable) {
			t.Errorf("after %v: Verify() = %v, want an error %t", step.after, err, !known)
		}
		tried, err := settled(v.keys)
		if told := strings.Contains(lines.String(), "500 Internal Server Error"); told != (step.after >= freshFor) {
			t.Errorf("after %v it is logged %t that the issuer fails, want %t", step.after, told, !told)
		}
		if tried.Equal(now) != step.asked {
			t.Errorf("after %v the issuer was asked %t, want %t", step.after, tried.Equal(now), step.asked)
		}
		if failed := step.after >= freshFor; (err != nil) != failed {
			t.Errorf("after %v the last fetch returned %v, want an error %t", step.after, err, failed)
		}
	}
}

// TestSilentIssuer: a request that ends while the issuer is silent gets an error that is no refusal, and the keys are
// there for the next one.
func TestSilentIssuer(t *testing.T) {
	t.Parallel()
	i := startIssuer(t)
	v := i.verifier(asItIs)
	i.mu.Lock() // its handlers wait
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	_, err := v.Verify(ctx, i.token(nil))
	i.mu.Unlock()
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) || identity.Refused(err) {
		t.Errorf("a request that ended: %v, want %v", err, ErrUnavailable)
	}
	if _, err := settled(v.keys); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), i.token(nil)); err != nil {
		t.Errorf("the next request: %v, want nil", err)
	}
	i.wantFetches(1)
}

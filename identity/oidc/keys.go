package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/internal/tracing"
)

const (
	// unknownPause is how long unknown keys are not asked for again: tokens that are made up must not become requests.
	unknownPause = time.Minute
	// failedPause is the pause after a fetch that has failed, while there are no keys to use.
	failedPause = 5 * time.Second
	// freshFor is how long keys are used before they are fetched again, in the background.
	freshFor = time.Hour
	// usableFor is how long keys are used while the issuer is unreachable. A key that it has withdrawn may be among them.
	usableFor = 24 * time.Hour
	// fetchTimeout bounds a fetch.
	fetchTimeout = 5 * time.Second
	// maxDocument is how large a document of the issuer may be, in bytes.
	maxDocument = 1 << 20
	// minRSA is how many bits the modulus of a key must have.
	minRSA = 2048
)

// ErrUnavailable means that the keys of the issuer are not known now.
var ErrUnavailable = errors.New("the issuer of tokens is unreachable")

// keySet is the keys of an issuer.
type keySet struct {
	issuer string
	client *http.Client
	log    *logs.Limited

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time     // when keys were fetched; zero: never
	tried   time.Time     // when a fetch began last
	err     error         // of the last fetch
	running chan struct{} // closed when the fetch that runs has ended; nil: none runs
}

func newKeySet(issuer string, transport http.RoundTripper, log *slog.Logger) *keySet {
	return &keySet{
		issuer: issuer,
		client: &http.Client{
			Transport: transport,
			Timeout:   fetchTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("the issuer redirects")
			},
		},
		log: logs.NewLimited(log),
	}
}

// find returns the key with an id for an algorithm. Errors: identity.ErrInvalidToken if the issuer has none,
// ErrUnavailable if it cannot be asked.
func (s *keySet) find(ctx context.Context, id, algorithm string, now time.Time) (any, error) {
	key, running := s.look(ctx, id, algorithm, now)
	if key == nil && running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
		s.mu.Lock()
		key = s.match(id, algorithm, now)
		s.mu.Unlock()
	}
	if key != nil {
		return key, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, s.err)
	}
	return nil, invalid("the issuer has no key %.100q for %s", id, algorithm)
}

// look returns the key, and the fetch that runs or that it has begun, if any.
func (s *keySet) look(ctx context.Context, id, algorithm string, now time.Time) (any, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.match(id, algorithm, now)
	age := now.Sub(s.fetched)
	if key != nil && age < freshFor {
		return key, nil
	}
	pause := unknownPause
	if s.err != nil && (s.fetched.IsZero() || age >= usableFor) {
		pause = failedPause
	}
	if s.running == nil && (s.tried.IsZero() || now.Sub(s.tried) >= pause) {
		s.tried = now
		s.running = make(chan struct{})
		//house:ignore bound the client of fetch has a timeout
		go s.refresh(context.WithoutCancel(ctx), now)
	}
	return key, s.running
}

// match returns a key among those that are known, or nil. The caller holds the lock.
func (s *keySet) match(id, algorithm string, now time.Time) any {
	if s.fetched.IsZero() || now.Sub(s.fetched) >= usableFor {
		return nil
	}
	var found any
	for _, key := range s.keys {
		if id != "" && key.KeyID != id || key.Algorithm != "" && key.Algorithm != algorithm || !fits(key.Key, algorithm) {
			continue
		}
		if found != nil {
			return nil // without an id it must be the only one
		}
		found = key.Key
	}
	return found
}

// fits reports whether a key is one for an algorithm.
func fits(key any, algorithm string) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return algorithm == string(jose.RS256) && key.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && key.Params().BitSize == 256
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	}
	return false
}

// refresh fetches the keys. Those that are known stay if that fails.
func (s *keySet) refresh(ctx context.Context, now time.Time) {
	keys, err := s.fetch(ctx)
	if err != nil {
		s.log.Log(ctx, slog.LevelWarn, "issuer", "the keys of the issuer of tokens cannot be fetched",
			"issuer", s.issuer, "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err == nil {
		s.keys, s.fetched = keys, now
	}
	close(s.running)
	s.running = nil
}

// fetch asks the issuer where its keys are, and for them.
func (s *keySet) fetch(ctx context.Context) (_ []jose.JSONWebKey, err error) {
	ctx, span := tracing.Start(ctx, "fetch keys") // below the request for which they are fetched, which may end before
	defer func() { span.End(err) }()
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return nil, err
	}
	if about.Issuer != s.issuer {
		return nil, fmt.Errorf("the issuer calls itself %.200q, not %s", about.Issuer, s.issuer)
	}
	if u, err := url.Parse(about.Keys); err != nil || u.Scheme != "https" {
		return nil, fmt.Errorf("the keys are at %.200q, which is not https", about.Keys)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := s.get(ctx, about.Keys, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil && key.Use != "enc" && key.IsPublic() { // others are not for signatures
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// get reads a document.
func (s *keySet) get(ctx context.Context, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	tracing.Inject(ctx, r.Header)
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s returned %s", address, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxDocument)).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}

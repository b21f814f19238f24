// Package oidc verifies the tokens of an OpenID Connect issuer: JWTs for this service (RFC 9068), whose claims name a
// tenant and scopes. It follows RFC 8725: what a token says of its own algorithm and keys counts for nothing.
package oidc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/millrace/millrace/identity"
)

// Settings say whose tokens are accepted, and what they must contain. The command line fills them in.
type Settings struct {
	OIDCIssuer      string `name:"oidc-issuer" placeholder:"URL" help:"Also accept the tokens (JWT) of this OpenID Connect issuer, exactly as it names itself; https only."`
	OIDCAudience    string `name:"oidc-audience" placeholder:"NAME" help:"Audience for which tokens of --oidc-issuer must be made."`
	OIDCType        string `name:"oidc-type" default:"at+jwt" placeholder:"TYPE" help:"Type (typ) that tokens must have: at+jwt as in RFC 9068, or JWT for an issuer that does not follow it."`
	OIDCTenantClaim string `name:"oidc-tenant-claim" default:"tenant" placeholder:"CLAIM" help:"Claim with the name of the tenant, a.b for one in an object. The tenant must exist."`
	OIDCScopesClaim string `name:"oidc-scopes-claim" default:"scope" placeholder:"CLAIM" help:"Claim with the scopes read, submit and admin, as a list or separated by spaces; others are ignored."`
}

// Given reports whether there is an issuer.
func (s Settings) Given() bool { return s.OIDCIssuer != "" }

// Validate returns an error if the settings do not fit together.
func (s Settings) Validate() error {
	if !s.Given() {
		return nil
	}
	u, err := url.Parse(s.OIDCIssuer)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("--oidc-issuer must be an address like https://login.example.org/realm, it is %q", s.OIDCIssuer)
	case s.OIDCAudience == "":
		return errors.New("--oidc-issuer needs --oidc-audience: without it tokens for other services would be accepted")
	case s.OIDCType == "" || s.OIDCTenantClaim == "" || s.OIDCScopesClaim == "":
		return errors.New("--oidc-type, --oidc-tenant-claim and --oidc-scopes-claim must not be empty")
	}
	return nil
}

// Tenants returns the number of the tenant with a name, 0 if there is none. An error means that this is not known now.
type Tenants func(ctx context.Context, name string) (identity.TenantID, error)

const (
	// leeway is how much the clock of the issuer may differ.
	leeway = time.Minute
	// knownFor is how long a token that was verified is not looked at again.
	knownFor = time.Minute
	// maxKnown is how many tokens are remembered.
	maxKnown = 10_000
	// maxToken is how long a token may be, in bytes.
	maxToken = 16 << 10
)

// algorithms are those that are accepted: signatures with a pair of keys.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}

// Verifier verifies the tokens of one issuer.
type Verifier struct {
	settings Settings
	tenants  Tenants
	keys     *keySet
	now      func() time.Time

	mu    sync.Mutex
	known map[[sha256.Size]byte]known
}

// known is what is remembered of a token.
type known struct {
	principal identity.Principal
	until     time.Time
}

var _ identity.Verifier = (*Verifier)(nil)

// New returns a verifier. It does not connect: the keys of the issuer are fetched with the first token. Transport
// fetches them; nil is one that trusts the authorities of the system.
func New(s Settings, tenants Tenants, transport http.RoundTripper, log *slog.Logger) *Verifier {
	return &Verifier{
		settings: s,
		tenants:  tenants,
		keys:     newKeySet(s.OIDCIssuer, transport, log),
		now:      time.Now,
		known:    map[[sha256.Size]byte]known{},
	}
}

// Verify implements identity.Verifier.
func (v *Verifier) Verify(ctx context.Context, token string) (identity.Principal, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return identity.Principal{}, identity.ErrInvalidToken
	}
	hash := sha256.Sum256([]byte(token))
	now := v.now()
	if p, ok := v.recall(hash, now); ok {
		return p, nil
	}
	p, err := v.verify(ctx, token, now)
	if err != nil {
		return identity.Principal{}, err
	}
	v.remember(hash, p, now)
	return p, nil
}

func (v *Verifier) recall(hash [sha256.Size]byte, now time.Time) (identity.Principal, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k, ok := v.known[hash]
	return k.principal, ok && now.Before(k.until)
}

func (v *Verifier) remember(hash [sha256.Size]byte, p identity.Principal, now time.Time) {
	until := now.Add(knownFor)
	if p.Expires.Before(until) {
		until = p.Expires
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxKnown {
		clear(v.known) // each token is verified again
	}
	v.known[hash] = known{principal: p, until: until}
}

// verify does what Verify does, from the signature on.
func (v *Verifier) verify(ctx context.Context, text string, now time.Time) (identity.Principal, error) {
	none := identity.Principal{}
	token, err := jwt.ParseSigned(text, algorithms)
	if err != nil {
		return none, invalid("its form or algorithm: %v", err)
	}
	head := token.Headers[0]
	if kind, _ := head.ExtraHeaders[jose.HeaderType].(string); !sameType(kind, v.settings.OIDCType) {
		return none, invalid("its type is %q", kind)
	}
	key, err := v.keys.find(ctx, head.KeyID, head.Algorithm, now)
	if err != nil {
		return none, err
	}
	var claims jwt.Claims
	var others map[string]any
	if err := token.Claims(key, &claims, &others); err != nil {
		return none, invalid("its signature or claims: %v", err)
	}
	if err := v.check(claims, others, now); err != nil {
		return none, err
	}
	return v.principal(ctx, claims, others)
}

// invalid returns ErrInvalidToken with a reason for the log.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", identity.ErrInvalidToken, fmt.Sprintf(format, args...))
}

// sameType compares two types of a token: application/ may be left out (RFC 7515, 4.1.9).
func sameType(a, b string) bool {
	const prefix = "application/"
	return strings.EqualFold(strings.TrimPrefix(strings.ToLower(a), prefix),
		strings.TrimPrefix(strings.ToLower(b), prefix))
}

// check checks the claims that are not about what the bearer may do.
func (v *Verifier) check(claims jwt.Claims, others map[string]any, now time.Time) error {
	if claims.Expiry == nil {
		return invalid("it does not expire")
	}
	for _, name := range []string{"nonce", "at_hash", "c_hash"} {
		if _, ok := others[name]; ok {
			return invalid("it is an ID token, which is for a client")
		}
	}
	err := claims.ValidateWithLeeway(jwt.Expected{
		Issuer:      v.settings.OIDCIssuer,
		AnyAudience: jwt.Audience{v.settings.OIDCAudience},
		Time:        now,
	}, leeway)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return identity.ErrExpired
	case err != nil:
		return invalid("%v", err)
	}
	return nil
}

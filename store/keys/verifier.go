package keys

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/singleflight"

	"github.com/millrace/millrace/identity"
)

const (
	// knownFor is how long a row is not read again. A revocation is told at once: see Forget.
	knownFor = time.Minute
	// unknownFor is how long an id is taken to have no row.
	unknownFor = 5 * time.Second
	// maxCached is how many rows, and how many ids without one, are remembered.
	maxCached = 10_000
	// maxLookups is how many rows are read at once: requests with tokens that are made up must not take all connections.
	maxLookups = 8
	// lookupTimeout bounds a look-up, with the time that it waits for others.
	lookupTimeout = 5 * time.Second
)

// Verifier verifies the tokens of keys and of sessions. It remembers what it has read.
type Verifier struct {
	store   *Store
	log     *slog.Logger
	flight  singleflight.Group
	lookups chan struct{}

	mu        sync.Mutex
	known     map[string]*entry
	unknown   map[string]time.Time // until when
	forgotten uint64               // how often something was forgotten
	used      map[string]struct{}  // keys and sessions whose use is to be written
}

// entry is what is remembered of a row.
type entry struct {
	hash      [32]byte
	principal identity.Principal
	session   bool
	revoked   bool
	until     time.Time
	used      time.Time // what the row says, or when the use was noted
}

var _ identity.Verifier = (*Verifier)(nil)

// NewVerifier returns a verifier of the keys in a store.
func NewVerifier(s *Store, log *slog.Logger) *Verifier {
	return &Verifier{
		store:   s,
		log:     log,
		lookups: make(chan struct{}, maxLookups),
		known:   map[string]*entry{},
		unknown: map[string]time.Time{},
		used:    map[string]struct{}{},
	}
}

// Verify implements identity.Verifier for the tokens of keys.
func (v *Verifier) Verify(ctx context.Context, token string) (identity.Principal, error) {
	return v.verify(ctx, token, identity.KeyPrefix)
}

// VerifySession is Verify for the tokens of sessions: a key is not taken for one, nor the other way round.
func (v *Verifier) VerifySession(ctx context.Context, token string) (identity.Principal, error) {
	return v.verify(ctx, token, identity.SessionPrefix)
}

func (v *Verifier) verify(ctx context.Context, text, prefix string) (identity.Principal, error) {
	token, ok := identity.ParseToken(text, prefix)
	if !ok {
		return identity.Principal{}, identity.ErrInvalidToken
	}
	now := time.Now()
	e, ok := v.cached(token.ID, now)
	if !ok {
		var err error
		if e, err = v.load(ctx, token.ID); err != nil {
			return identity.Principal{}, err
		}
	}
	if e == nil {
		e = &nothing
	}
	right := subtle.ConstantTimeCompare(e.hash[:], token.Hash[:]) == 1
	switch {
	case !right || e.session != (prefix == identity.SessionPrefix):
		return identity.Principal{}, identity.ErrInvalidToken
	case e.revoked:
		return identity.Principal{}, identity.ErrRevoked
	case !e.principal.Expires.IsZero() && !now.Before(e.principal.Expires):
		return identity.Principal{}, identity.ErrExpired
	}
	v.use(e, token.ID, now)
	return e.principal, nil
}

// nothing is compared with tokens whose id has no row. No token has its hash.
var nothing entry

// cached returns what is remembered of an id, nil if it has no row, and false if nothing is.
func (v *Verifier) cached(id string, now time.Time) (*entry, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.known[id]; e != nil && now.Before(e.until) {
		return e, true
	}
	until, ok := v.unknown[id]
	return nil, ok && now.Before(until)
}

// load reads a row, once for all calls that come meanwhile. It returns nil if there is none.
func (v *Verifier) load(ctx context.Context, id string) (*entry, error) {
	done := v.flight.DoChan(id, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		select {
		case v.lookups <- struct{}{}:
			defer func() { <-v.lookups }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return v.read(ctx, id)
	})
	select {
	case result := <-done:
		if result.Err != nil {
			return nil, fmt.Errorf("looking up a key: %w", result.Err)
		}
		return result.Val.(*entry), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (v *Verifier) read(ctx context.Context, id string) (*entry, error) {
	v.mu.Lock()
	forgotten := v.forgotten
	v.mu.Unlock()
	start := time.Now()
	row, err := v.store.db.GetKey(ctx, id)
	missing := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !missing {
		return nil, err
	}
	var e *entry
	if !missing {
		e = &entry{
			hash: [32]byte(row.Hash),
			principal: identity.Principal{
				Tenant: row.TenantID,
				Name:   row.Name,
				KeyID:  row.ID,
				Scopes: scopes(row.Scopes),
			},
			session: row.Parent != nil,
			revoked: row.Revoked,
			until:   start.Add(knownFor),
		}
		if row.Parent != nil {
			e.principal.KeyID = *row.Parent
		}
		if row.ExpiresAt != nil {
			e.principal.Expires = *row.ExpiresAt
		}
		if row.LastUsedAt != nil {
			e.used = *row.LastUsedAt
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case forgotten != v.forgotten: // the row may have been read before it was changed
	case missing:
		remember(v.unknown, id, start.Add(unknownFor))
	default:
		delete(v.unknown, id)
		remember(v.known, id, e)
	}
	return e, nil
}

// remember adds to a map, which stays bounded: any other entry goes.
func remember[T any](m map[string]T, id string, value T) {
	if _, ok := m[id]; !ok && len(m) >= maxCached {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[id] = value
}

// Forget has a key or a session, and the sessions of a key, read again: it was revoked.
func (v *Verifier) Forget(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forgotten++
	delete(v.known, id)
	for session, e := range v.known {
		if e.principal.KeyID == id {
			delete(v.known, session)
		}
	}
}

// ForgetAll has all rows read again: revocations may have been missed.
func (v *Verifier) ForgetAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forgotten++
	clear(v.known)
	clear(v.unknown)
}

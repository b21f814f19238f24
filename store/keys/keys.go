// Package keys keeps the keys of the API and the sessions of browsers, and verifies their tokens. The tokens themselves
// are kept nowhere: a row has the SHA-256 of its token.
package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/keys/internal/db"
	"github.com/millrace/millrace/store/tenants"
)

// Channel is the channel of notifications that a key or a session was revoked. Payloads are ids.
const Channel = "millrace_keys"

// SessionLife is how long a session lasts.
const SessionLife = 8 * time.Hour

// MaxListed is how many keys a list has at most.
const MaxListed = 1000

var (
	// ErrNotFound means that there is no key with the id.
	ErrNotFound = errors.New("no such key")
	// ErrNoTenant means that there is no tenant with the name.
	ErrNoTenant = errors.New("no such tenant")
	// ErrInvalid means that a key cannot be made as it was asked for.
	ErrInvalid = errors.New("invalid key")
)

// Key is a key of the API.
type Key struct {
	ID       string
	Tenant   string // its name
	Name     string
	Scopes   []identity.Scope
	Created  time.Time
	Expires  *time.Time // nil: never
	Revoked  *time.Time // nil: it was not
	LastUsed *time.Time // to within an hour; nil: never
}

// State returns what a key is at a time: valid, expired or revoked.
func (k Key) State(now time.Time) string {
	switch {
	case k.Revoked != nil:
		return "revoked"
	case k.Expires != nil && !now.Before(*k.Expires):
		return "expired"
	}
	return "valid"
}

// Order asks for a key.
type Order struct {
	Tenant  string // its name
	Name    string // what people call the key
	Scopes  []identity.Scope
	Expires time.Time // zero: never
}

// maxName is the length of the longest name of a key, in characters.
const maxName = 100

// check returns ErrInvalid, with the reason, or nil.
func (o Order) check(now time.Time) error {
	control := func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }
	switch n := utf8.RuneCountInString(o.Name); {
	case n < 1 || n > maxName || strings.ContainsFunc(o.Name, control) || strings.TrimSpace(o.Name) != o.Name:
		return fmt.Errorf("%w: the name must have 1 to %d characters, no control characters, and no spaces around it",
			ErrInvalid, maxName)
	case len(o.Scopes) == 0:
		return fmt.Errorf("%w: it needs a scope: read, submit or admin", ErrInvalid)
	case !o.Expires.IsZero() && !o.Expires.After(now):
		return fmt.Errorf("%w: it would have expired already, at %s", ErrInvalid, o.Expires.Format(time.RFC3339))
	}
	for _, s := range o.Scopes {
		if s != identity.ScopeRead && s != identity.ScopeSubmit && s != identity.ScopeAdmin {
			return fmt.Errorf("%w: there is no scope %.40q; the scopes are read, submit and admin", ErrInvalid, s)
		}
	}
	return nil
}

// Store keeps keys and sessions in the database.
type Store struct {
	pool *pgxpool.Pool
	db   *db.Queries
}

// Open returns the keys in the database of a pool.
func Open(pool *pgxpool.Pool) *Store { return &Store{pool: pool, db: db.New(pool)} }

// Create makes a key, and returns it with its token, which cannot be read again. Errors: ErrNoTenant, ErrInvalid.
func (s *Store) Create(ctx context.Context, o Order) (Key, string, error) {
	if err := o.check(time.Now()); err != nil {
		return Key{}, "", err
	}
	slices.Sort(o.Scopes)
	o.Scopes = slices.Compact(o.Scopes)
	text, token := identity.NewToken(identity.KeyPrefix)
	row := db.InsertKeyParams{
		ID:     token.ID,
		Tenant: o.Tenant,
		Name:   o.Name,
		Hash:   token.Hash[:],
	}
	for _, scope := range o.Scopes {
		row.Scopes = append(row.Scopes, string(scope))
	}
	if !o.Expires.IsZero() {
		row.ExpiresAt = new(o.Expires.UTC())
	}
	created, err := s.db.InsertKey(ctx, row)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Key{}, "", fmt.Errorf("%w: %.80q", ErrNoTenant, o.Tenant)
	case err != nil:
		return Key{}, "", fmt.Errorf("making a key: %w", err)
	}
	return Key{
		ID:      token.ID,
		Tenant:  o.Tenant,
		Name:    o.Name,
		Scopes:  o.Scopes,
		Created: created,
		Expires: row.ExpiresAt,
	}, text, nil
}

// CreateTenant makes a tenant, unless there is one with the name. Errors: ErrInvalid.
func (s *Store) CreateTenant(ctx context.Context, name string) error {
	_, err := tenants.Make(ctx, s.pool, name)
	if errors.Is(err, tenants.ErrName) {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return err
}

// TenantName returns the name of a tenant. Errors: ErrNoTenant.
func (s *Store) TenantName(ctx context.Context, id identity.TenantID) (string, error) {
	name, err := tenants.Name(ctx, s.pool, id)
	if err == nil && name == "" {
		err = fmt.Errorf("%w: %d", ErrNoTenant, id)
	}
	return name, err
}

// List returns the newest keys, MaxListed of them at most: those of a tenant, or of all if its name is empty. Keys that
// were revoked or have expired are kept for 90 days.
func (s *Store) List(ctx context.Context, tenant string) ([]Key, error) {
	var of *string
	if tenant != "" {
		of = &tenant
	}
	rows, err := s.db.ListKeys(ctx, of, MaxListed)
	if err != nil {
		return nil, fmt.Errorf("listing the keys: %w", err)
	}
	list := make([]Key, len(rows))
	for i, row := range rows {
		list[i] = Key{
			ID:       row.ID,
			Tenant:   row.Tenant,
			Name:     row.Name,
			Scopes:   scopes(row.Scopes),
			Created:  row.CreatedAt,
			Expires:  row.ExpiresAt,
			Revoked:  row.RevokedAt,
			LastUsed: row.LastUsedAt,
		}
	}
	return list, nil
}

func scopes(names []string) []identity.Scope {
	list := make([]identity.Scope, len(names))
	for i, name := range names {
		list[i] = identity.Scope(name)
	}
	return list
}

// Revoke ends a key or a session for good, and tells each process. It may be called twice. Errors: ErrNotFound.
func (s *Store) Revoke(ctx context.Context, id string) error {
	rows, err := s.db.RevokeKey(ctx, Channel, id)
	if err != nil {
		return fmt.Errorf("revoking the key %.40q: %w", id, err)
	}
	if len(rows) == 0 {
		return fmt.Errorf("%w: %.40q", ErrNotFound, id)
	}
	return nil
}

// Usable reports whether there is a key that is neither revoked nor expired.
func (s *Store) Usable(ctx context.Context) (bool, error) {
	usable, err := s.db.HasUsableKey(ctx)
	if err != nil {
		return false, fmt.Errorf("looking for a key: %w", err)
	}
	return usable, nil
}

// SignIn makes a session of a key, and returns its token and when it ends. Errors: identity.ErrInvalidToken when the
// key is not valid any more.
func (s *Store) SignIn(ctx context.Context, keyID string) (string, time.Time, error) {
	text, token := identity.NewToken(identity.SessionPrefix)
	expires, err := s.db.InsertSession(ctx, db.InsertSessionParams{
		ID:     token.ID,
		Hash:   token.Hash[:],
		Life:   SessionLife,
		Parent: keyID,
	})
	var server *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows), errors.As(err, &server) && server.Code == "23503":
		return "", time.Time{}, identity.ErrInvalidToken
	case err != nil:
		return "", time.Time{}, fmt.Errorf("signing in: %w", err)
	}
	return text, *expires, nil
}

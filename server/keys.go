package server

import (
	"context"

	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/migrations"
	"github.com/millrace/millrace/store/keys"
)

// KeyLife is how long a key is valid, unless it is made for another time.
const KeyLife = auth.KeyLife

// Key is a key of the API.
type Key = keys.Key

// KeyOrder asks for a key.
type KeyOrder = keys.Order

// Scope is what a key is good for.
type Scope = identity.Scope

// CreateKey makes a key in a database, and returns its token, which cannot be read again; with newTenant also the
// tenant, if there is none.
func CreateKey(ctx context.Context, d Database, o KeyOrder, newTenant bool) (key Key, token string, err error) {
	err = d.withKeys(ctx, func(s *keys.Store) error {
		if newTenant {
			if err := s.CreateTenant(ctx, o.Tenant); err != nil {
				return err
			}
		}
		key, token, err = s.Create(ctx, o)
		return err
	})
	return key, token, err
}

// ListKeys returns the newest keys of a tenant, or of all if its name is empty.
func ListKeys(ctx context.Context, d Database, tenant string) (list []Key, err error) {
	err = d.withKeys(ctx, func(s *keys.Store) error {
		list, err = s.List(ctx, tenant)
		return err
	})
	return list, err
}

// RevokeKey ends a key for good; all processes learn of it.
func RevokeKey(ctx context.Context, d Database, id string) error {
	return d.withKeys(ctx, func(s *keys.Store) error { return s.Revoke(ctx, id) })
}

// withKeys calls f with the keys of a migrated database.
func (d Database) withKeys(ctx context.Context, f func(*keys.Store) error) error {
	pool, err := d.open(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Check(ctx, pool); err != nil {
		return err
	}
	return f(keys.Open(pool))
}

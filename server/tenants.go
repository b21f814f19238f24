package server

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/migrations"
	"github.com/millrace/millrace/store/quota"
)

// Types of package quota, for the command line.
type (
	// Tenant is a tenant with its quotas.
	Tenant = quota.Tenant
	// TenantChange is what is to be different of a tenant.
	TenantChange = quota.Change
	// Changed is a limit that may change.
	Changed[T any] = quota.Changed[T]
)

// ErrTenantName means that a tenant cannot have a name.
var ErrTenantName = quota.ErrName

// Tenants returns all tenants.
func Tenants(ctx context.Context, d Database) (tenants []Tenant, err error) {
	err = d.with(ctx, func(pool *pgxpool.Pool) error {
		tenants, err = quota.Tenants(ctx, pool)
		return err
	})
	return tenants, err
}

// SetTenant changes a tenant, and reports whether it was made for that.
func SetTenant(ctx context.Context, d Database, name string, c TenantChange) (made bool, err error) {
	err = d.with(ctx, func(pool *pgxpool.Pool) error {
		made, err = quota.Set(ctx, pool, name, c)
		return err
	})
	return made, err
}

// with gives f the database, if it has the schema of this version.
func (d Database) with(ctx context.Context, f func(*pgxpool.Pool) error) error {
	pool, err := d.open(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Check(ctx, pool); err != nil {
		return err
	}
	return f(pool)
}

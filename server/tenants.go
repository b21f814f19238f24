package server

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/migrations"
	"github.com/millrace/millrace/store/tenants"
)

// Types of package tenants, for the command line.
type (
	// Tenant is a tenant with its quotas.
	Tenant = tenants.Tenant
	// TenantChange is what is to be different of a tenant.
	TenantChange = tenants.Change
	// Changed is a limit that may change.
	Changed[T any] = tenants.Changed[T]
)

// ErrTenantName means that a tenant cannot have a name.
var ErrTenantName = tenants.ErrName

// Tenants returns all tenants.
func Tenants(ctx context.Context, d Database) (all []Tenant, err error) {
	err = d.with(ctx, func(pool *pgxpool.Pool) error {
		all, err = tenants.List(ctx, pool)
		return err
	})
	return all, err
}

// SetTenant changes a tenant, and reports whether it was made for that.
func SetTenant(ctx context.Context, d Database, name string, c TenantChange) (made bool, err error) {
	err = d.with(ctx, func(pool *pgxpool.Pool) error {
		made, err = tenants.Set(ctx, pool, name, c)
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

// Package tenants finds tenants by their names, for what knows them from elsewhere.
package tenants

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/identity"
)

// ByName returns the tenant with a name, 0 if there is none. The name may be anything.
func ByName(ctx context.Context, pool *pgxpool.Pool, name string) (identity.TenantID, error) {
	if !identity.IsTenantName(name) {
		return 0, nil
	}
	var id identity.TenantID
	err := pool.QueryRow(ctx, "SELECT id FROM tenants WHERE name = $1", name).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

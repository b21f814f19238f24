// Package tenants has the table of tenants: their names, weights and limits. Others read what they need of it, and
// change nothing but what they have counted.
package tenants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/tenants/internal/db"
)

// ByName returns the tenant with a name, 0 if there is none. The name may be anything.
func ByName(ctx context.Context, pool *pgxpool.Pool, name string) (identity.TenantID, error) {
	if !identity.IsTenantName(name) {
		return 0, nil
	}
	id, err := db.New(pool).GetTenantID(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// Name returns the name of a tenant, "" if there is none with the id.
func Name(ctx context.Context, pool *pgxpool.Pool, id identity.TenantID) (string, error) {
	name, err := db.New(pool).GetTenantName(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return name, err
}

// Make makes a tenant, unless there is one with the name. It reports whether it did. Errors: ErrName.
func Make(ctx context.Context, pool *pgxpool.Pool, name string) (made bool, err error) {
	if !identity.IsTenantName(name) {
		return false, fmt.Errorf("%w: %.80q", ErrName, name)
	}
	n, err := db.New(pool).InsertTenant(ctx, name)
	if err != nil {
		return false, fmt.Errorf("making tenant %s: %w", name, err)
	}
	return n > 0, nil
}

// ErrName means that a tenant cannot have a name.
var ErrName = errors.New("a tenant's name has up to 63 lower-case letters, digits and hyphens, the first no hyphen")

// Tenant is a row of table tenants. A limit that is nil is that of the settings; 0 is no limit.
type Tenant struct {
	ID               identity.TenantID
	Name             string
	Weight           float32 // its share of the workers, against those of others
	MaxStoredBytes   *int64
	MaxQueuedSeconds *float64
	MaxRequests      *float64 // in a second
	CreatedAt        time.Time
}

// List returns all tenants in the order of their names.
func List(ctx context.Context, pool *pgxpool.Pool) ([]Tenant, error) {
	rows, err := db.New(pool).ListTenants(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing tenants: %w", err)
	}
	tenants := make([]Tenant, len(rows))
	for i, row := range rows {
		tenants[i] = Tenant(row)
	}
	return tenants, nil
}

// Change is what is to be different of a tenant.
type Change struct {
	Weight        float32 // 0: as it is
	StoredBytes   Changed[int64]
	QueuedSeconds Changed[float64]
	Requests      Changed[float64]
}

// Changed is a limit that may change. The zero value does not.
type Changed[T any] struct {
	Set bool
	To  *T // nil: as the settings say
}

// Set changes a tenant, which is made if there is none of the name. It reports whether it was made.
func Set(ctx context.Context, pool *pgxpool.Pool, name string, c Change) (made bool, err error) {
	if made, err = Make(ctx, pool, name); err != nil {
		return false, err
	}
	_, err = db.New(pool).SetTenant(ctx, db.SetTenantParams{
		Weight:           c.Weight,
		SetStoredBytes:   c.StoredBytes.Set,
		StoredBytes:      c.StoredBytes.To,
		SetQueuedSeconds: c.QueuedSeconds.Set,
		QueuedSeconds:    c.QueuedSeconds.To,
		SetRequests:      c.Requests.Set,
		Requests:         c.Requests.To,
		Name:             name,
	})
	if err != nil {
		return made, fmt.Errorf("changing tenant %s: %w", name, err)
	}
	return made, nil
}

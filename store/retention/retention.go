// Package retention keeps what is in use: what is stored expires some time after its last use.
package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
)

// worth is the share of the retention that must have passed before a use is written down.
const worth = 0.1

// Read says that a client reads the content of a matrix. It, and the multiplication whose result it is, expire a
// retention from now; what is read often is not written each time. The matrices of an inline multiplication have no
// rows of their own, and expire when they did.
func Read(ctx context.Context, s *store.Store, m store.Matrix) error {
	retention := s.Retention
	if m.Retention != nil {
		retention = *m.Retention
	}
	if left := time.Until(m.ExpiresAt); left > time.Duration((1-worth)*float64(retention)) {
		return nil
	}
	if err := db.New(s.Pool).ExtendRead(ctx, s.Retention, m.ID); err != nil {
		return fmt.Errorf("extending the life of matrix %s: %w", m.ID, err)
	}
	return nil
}

const (
	// Least is the shortest retention that a submission may ask for.
	Least = time.Minute
	// Most is the longest one that any setting allows.
	Most = 10 * 365 * 24 * time.Hour
	// since is the schema version from which on processes know that multiplications have retentions of their own.
	since = 24
)

var (
	// ErrBounds means that a retention is shorter or longer than a submission may ask for.
	ErrBounds = errors.New("retention out of bounds")
	// ErrUnknown means that a process runs that does not know of retentions, and would end one when it completes the
	// multiplication.
	ErrUnknown = errors.New("the service is being updated: older processes cannot keep to retention_seconds")
)

// Check returns ErrBounds for a retention that a submission may not ask for; most is the longest one that it may. 0 is
// none.
func Check(retention, most time.Duration) error {
	if retention != 0 && (retention < Least || retention > most) {
		return fmt.Errorf("%w: retention_seconds must be from %.0f to %.0f here, it is %.0f", ErrBounds, Least.Seconds(),
			most.Seconds(), retention.Seconds())
	}
	return nil
}

// SetTx gives a new multiplication, and matrices that are new with it, a retention of their own. Errors: ErrUnknown.
func SetTx(
	ctx context.Context, tx *store.TenantTx, id uuid.UUID, matrices []uuid.UUID, retention time.Duration,
) error {
	queries := db.New(tx.Tx().Pgx())
	known, err := queries.AllKnow(ctx, since)
	if err == nil && !known {
		return ErrUnknown
	}
	if err == nil {
		err = queries.KeepFor(ctx, retention, matrices, id)
	}
	if err != nil {
		return fmt.Errorf("setting the retention: %w", err)
	}
	return nil
}

// Package retention keeps what is in use: what is stored expires some time after its last use.
package retention

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
)

// worth is the share of the retention that must have passed before a use is written down.
const worth = 0.1

// Read says that a client reads the content of a matrix. It, and the multiplication whose result it is, expire a
// retention from now; what is read often is not written each time. The matrices of an inline multiplication have no
// rows of their own, and expire when they did.
func Read(ctx context.Context, s *store.Store, m store.Matrix) error {
	if left := time.Until(m.ExpiresAt); left > time.Duration((1-worth)*float64(s.Retention)) {
		return nil
	}
	if err := db.New(s.Pool).ExtendRead(ctx, s.Retention, m.ID); err != nil {
		return fmt.Errorf("extending the life of matrix %s: %w", m.ID, err)
	}
	return nil
}

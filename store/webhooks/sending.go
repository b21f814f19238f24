package webhooks

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
	"github.com/millrace/millrace/webhook"
)

// Due is a delivery that is to be sent.
type Due struct {
	Delivery
	URL      string
	Secrets  []webhook.Secret // each of which signs
	Disabled bool             // its webhook is
}

// GetDue returns a delivery that is to be sent. Errors: store.ErrNotFound when it has ended, or was deleted.
func GetDue(ctx context.Context, s *store.Store, id uuid.UUID) (Due, error) {
	row, err := db.New(s.Pool).GetPendingDelivery(ctx, id)
	if err != nil {
		return Due{}, store.NotFound(err, "delivery", id)
	}
	w := row.Webhook
	due := Due{
		Delivery: newDelivery(row.WebhookDelivery),
		URL:      *cmp.Or(row.WebhookDelivery.Url, &w.Url),
		Secrets:  []webhook.Secret{w.Secret},
		Disabled: w.DisabledAt != nil,
	}
	if w.OldSecret != nil && w.OldSecretUntil.After(time.Now()) {
		due.Secrets = append(due.Secrets, w.OldSecret)
	}
	return due, nil
}

// Drop ends a delivery without an attempt, for a reason.
func Drop(ctx context.Context, s *store.Store, id uuid.UUID, reason string) error {
	if err := db.New(s.Pool).DropDelivery(ctx, reason, id); err != nil {
		return fmt.Errorf("ending delivery %s: %w", id, err)
	}
	return nil
}

// TenantsWithSmall returns the tenants of which a webhook tells of small multiplications, too.
func TenantsWithSmall(ctx context.Context, s *store.Store) (map[identity.TenantID]struct{}, error) {
	ids, err := db.New(s.Pool).ListSmallWebhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading which tenants have webhooks: %w", err)
	}
	tenants := make(map[identity.TenantID]struct{}, len(ids))
	for _, id := range ids {
		tenants[id] = struct{}{}
	}
	return tenants, nil
}

// maxOverdue is up to how many overdue deliveries are counted.
const maxOverdue = 100_000

// Overdue counts the deliveries that wait although they were to be sent some time ago.
func Overdue(ctx context.Context, s *store.Store, late time.Duration) (int64, error) {
	n, err := db.New(s.Pool).CountOverdueDeliveries(ctx, late, maxOverdue)
	if err != nil {
		return 0, fmt.Errorf("counting overdue deliveries: %w", err)
	}
	return n, nil
}

const (
	// sweepBatch is how many deliveries one statement deletes.
	sweepBatch = 1000
	// forgotten is after how long a delivery that was to be sent is given up: people have deleted its job.
	forgotten = 7 * 24 * time.Hour
)

// Sweep deletes the deliveries that ended a retention ago, and ends those that nothing has sent for a week.
func Sweep(ctx context.Context, s *store.Store) error {
	q := db.New(s.Pool)
	_, err := q.DropForgottenDeliveries(ctx, forgotten)
	for deleted := int64(sweepBatch); deleted == sweepBatch && err == nil; {
		deleted, err = q.DeleteExpiredDeliveries(ctx, s.Retention, sweepBatch)
	}
	if err != nil {
		return fmt.Errorf("deleting expired deliveries: %w", err)
	}
	return nil
}

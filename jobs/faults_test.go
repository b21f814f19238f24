package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

// TestFailedStatements: nothing that a client may ask for says that it has succeeded when one of its statements has not,
// the beginning and the end of its transaction included.
func TestFailedStatements(t *testing.T) {
	b := setup(t)
	sound := b.client(queue.Config{})
	pool, faults := testdb.Faulty(t, b.store.Pool)
	faults.UntilCommit = true
	s := store.Open(pool, b.store.Blocks, time.Hour)
	c := b.clientOn(s, queue.Config{})
	in := func(operation func(context.Context, *store.TenantTx, uuid.UUID) error) func(context.Context, uuid.UUID) error {
		return func(ctx context.Context, id uuid.UUID) error {
			own := s.For(identity.DefaultTenant)
			return own.InTx(ctx, func(tx *store.TenantTx) error { return operation(ctx, tx, id) })
		}
	}
	submission := jobs.Submission{
		A:        random(2000, 50, 1),
		B:        random(50, 2000, 2),
		Priority: jobs.DefaultPriority,
	}
	for name, operation := range map[string]func(context.Context, uuid.UUID) error{
		"Get": func(ctx context.Context, id uuid.UUID) error {
			_, err := c.Get(ctx, identity.DefaultTenant, id)
			return err
		},
		"GetAll": func(ctx context.Context, id uuid.UUID) error {
			_, err := c.GetAll(ctx, identity.Of(identity.DefaultTenant, id, store.NewID())) // which may be an inline one
			return err
		},
		"SubmitTx": in(func(ctx context.Context, tx *store.TenantTx, _ uuid.UUID) error {
			_, err := c.SubmitTx(ctx, tx, submission)
			return err
		}),
		"GetTx": in(func(ctx context.Context, tx *store.TenantTx, id uuid.UUID) error {
			_, err := c.GetTx(ctx, tx, id)
			return err
		}),
		"CancelTx": in(c.CancelTx),
		"CancelTx and RetryTx": in(func(ctx context.Context, tx *store.TenantTx, id uuid.UUID) error {
			if err := c.CancelTx(ctx, tx, id); err != nil {
				return err
			}
			return c.RetryTx(ctx, tx, id)
		}),
		"CancelTx and DeleteTx": in(func(ctx context.Context, tx *store.TenantTx, id uuid.UUID) error {
			if err := c.CancelTx(ctx, tx, id); err != nil {
				return err
			}
			return c.DeleteTx(ctx, tx, id)
		}),
	} {
		faults.Each(t, name, func() func(context.Context) error {
			id := b.submit(sound, 2000, 50, 2000)
			return func(ctx context.Context) error { return operation(ctx, id) }
		})
	}
}

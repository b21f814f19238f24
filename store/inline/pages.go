package inline

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/internal/db"
)

// Page says which of the inline multiplications of a tenant a list has.
type Page db.PageInlinePendingParams

// WalkIndexes adds to a batch that its other statements walk along indexes, whatever they look for: to read all that
// may be on the page, and to sort it, looks cheap where statistics are missing. It must be the first statement.
func WalkIndexes(batch *pgx.Batch) {
	batch.Queue("SELECT set_config('plan_cache_mode', 'force_generic_plan', true), " +
		"set_config('enable_bitmapscan', 'off', true)")
}

// BatchPending adds to a batch the reading of the ids of a page of those that wait, newest first. They are in the
// returned slice after the batch was sent.
func BatchPending(batch *pgx.Batch, p Page) *[]uuid.UUID {
	found := new([]uuid.UUID)
	batch.Queue(db.PageInlinePending, p.TenantID, p.Before, p.Since, p.MaxRows).Query(func(rows pgx.Rows) (err error) {
		sent := db.New(database.NewSent(rows))
		//house:ignore bound the batch is sent already, with a context of its own
		*found, err = sent.PageInlinePending(context.Background(), db.PageInlinePendingParams(p))
		return err
	})
	return found
}

// BatchCompleted is BatchPending for those that are completed.
func BatchCompleted(batch *pgx.Batch, p Page) *[]uuid.UUID {
	found := new([]uuid.UUID)
	batch.Queue(db.PageInlineCompleted, p.TenantID, p.Before, p.Since, p.MaxRows).Query(func(rows pgx.Rows) (err error) {
		sent := db.New(database.NewSent(rows))
		//house:ignore bound the batch is sent already, with a context of its own
		*found, err = sent.PageInlineCompleted(context.Background(), db.PageInlineCompletedParams(p))
		return err
	})
	return found
}

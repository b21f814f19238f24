package webhooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
)

// The states of a delivery.
const (
	Pending   = "pending"   // it is to be sent, for the first time or again
	Delivered = "delivered" // the receiver has taken it
	Failed    = "failed"    // it is not tried any more
)

// Delivery is a message to the receiver of a webhook, and what has become of it.
type Delivery struct {
	ID             uuid.UUID // of the message, too
	Seq            int64     // their order
	Webhook        uuid.UUID
	Multiplication uuid.UUID
	Named          string // where it is sent to; empty: to the url of the webhook
	EndedAs        string // how the multiplication has ended
	EndedAt        time.Time
	State          string
	Attempts       int        // in all
	Tries          int        // since it was made, or replayed
	Status         int        // of the response to the last attempt; 0: there was none
	Error          string     // of the last attempt; empty: it has succeeded, or there was none
	AttemptedAt    *time.Time // the last time
	NextAt         *time.Time // when it is tried again; nil: as soon as possible, or not at all
	CreatedAt      time.Time
	FinishedAt     *time.Time
}

func newDelivery(row db.WebhookDelivery) Delivery {
	d := Delivery{
		ID:             row.ID,
		Seq:            row.Seq,
		Webhook:        row.WebhookID,
		Multiplication: row.MultiplicationID,
		EndedAs:        row.EndedAs,
		EndedAt:        row.EndedAt,
		State:          row.State,
		Attempts:       int(row.Attempts),
		Tries:          int(row.Attempts - row.AttemptsBefore),
		AttemptedAt:    row.AttemptedAt,
		NextAt:         row.NextAt,
		CreatedAt:      row.CreatedAt,
		FinishedAt:     row.FinishedAt,
	}
	if row.Url != nil {
		d.Named = *row.Url
	}
	if row.Status != nil {
		d.Status = int(*row.Status)
	}
	if row.Error != nil {
		d.Error = *row.Error
	}
	return d
}

// Page returns the newest deliveries of a webhook before one, by its Seq; those in a state, if one is given. Errors:
// store.ErrNotFound.
func Page(
	ctx context.Context, t store.Tenant, webhook uuid.UUID, state string, before int64, limit int,
) ([]Delivery, error) {
	if _, err := Get(ctx, t, webhook); err != nil {
		return nil, err
	}
	params := db.PageDeliveriesParams{
		TenantID:  t.ID(),
		WebhookID: webhook,
		Before:    before,
		MaxRows:   int32(limit), //nolint:gosec // a page
	}
	if state != "" {
		params.State = &state
	}
	rows, err := queries(t).PageDeliveries(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("listing the deliveries of webhook %s: %w", webhook, err)
	}
	page := make([]Delivery, len(rows))
	for i, row := range rows {
		page[i] = newDelivery(row)
	}
	return page, nil
}

// Replay has a delivery that has ended sent once more, as the same message, with as many attempts as a new one. Errors:
// store.ErrNotFound; ErrNotReplayed.
func Replay(ctx context.Context, t store.Tenant, webhook, id uuid.UUID) (Delivery, error) {
	q := queries(t)
	_, replayErr := q.ReplayDelivery(ctx, t.ID(), webhook, id)
	if replayErr != nil && !errors.Is(replayErr, pgx.ErrNoRows) {
		return Delivery{}, fmt.Errorf("replaying delivery %s: %w", id, replayErr)
	}
	row, err := q.GetDelivery(ctx, t.ID(), webhook, id)
	if err == nil && replayErr != nil {
		return Delivery{}, ErrNotReplayed
	}
	return newDelivery(row), store.NotFound(err, "delivery", id)
}

// Attempt is what has become of an attempt at a delivery.
type Attempt struct {
	Status int           // of the response; 0: there was none
	Error  string        // empty: the receiver has taken the message
	Gone   bool          // it does not want any more
	Pause  time.Duration // until the next attempt; 0: there is none
}

func (a Attempt) state() string {
	switch {
	case a.Error == "":
		return Delivered
	case a.Pause == 0:
		return Failed
	}
	return Pending
}

// MaxFailing is for how long a receiver may fail before its webhook is disabled: longer than a delivery is tried.
const MaxFailing = 5 * 24 * time.Hour

// Record writes what has become of an attempt. A webhook whose receiver is gone, or has failed for long, is disabled
// with that. It reports whether it was.
func Record(ctx context.Context, s *store.Store, d Delivery, a Attempt) (disabled bool, err error) {
	params := db.EndAttemptParams{
		ID:    d.ID,
		State: a.state(),
		Pause: a.Pause,
	}
	if a.Status != 0 {
		params.Status = new(int16(a.Status)) //nolint:gosec // an HTTP status has three digits
	}
	if a.Error != "" {
		params.Error = &a.Error
	}
	err = s.InTx(ctx, func(tx *store.Tx) error {
		q := db.New(tx.Pgx())
		if n, err := q.EndAttempt(ctx, params); err != nil || n == 0 { // deleted, or ended by another process
			return err
		}
		if a.Error == "" {
			return q.NoteSuccess(ctx, d.Webhook)
		}
		noted, err := q.NoteFailure(ctx, a.Gone, MaxFailing, d.Webhook)
		disabled = len(noted) > 0 && noted[0]
		return err
	})
	if err != nil {
		return false, fmt.Errorf("recording an attempt at delivery %s: %w", d.ID, err)
	}
	return disabled, nil
}

// Package webhooks keeps the webhooks of tenants: where messages are sent when multiplications end, and what has become
// of each message. That there is one to be sent is written by a trigger, in the transaction that ends a multiplication.
package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
	"github.com/millrace/millrace/webhook"
)

const (
	// Most is how many webhooks a tenant has at most.
	Most = 20
	// Overlap is how long the secret before signs beside a new one.
	Overlap = 24 * time.Hour
	// since is the schema version from which on processes know of webhooks.
	since = 25
	// maxName is the length of the longest name, in characters.
	maxName = 100
)

var (
	// ErrInvalid means that a webhook cannot be made as it was asked for.
	ErrInvalid = errors.New("invalid webhook")
	// ErrMany means that a tenant has as many webhooks as it may have.
	ErrMany = fmt.Errorf("there are %d webhooks, the most that there may be: delete one first", Most)
	// ErrOlder means that a process runs that accepts multiplications of which no webhook would tell.
	ErrOlder = errors.New("the service is being updated: older processes do not know of webhooks")
	// ErrNotReplayed means that a delivery cannot be replayed as it is.
	ErrNotReplayed = errors.New("a delivery is replayed when it has ended, and while its webhook is enabled")
)

// States returns the states in which multiplications end.
func States() []string { return []string{"completed", "failed", "cancelled"} }

// Webhook is where messages about the multiplications of a tenant are sent.
type Webhook struct {
	ID              uuid.UUID
	URL             string
	Name            string   // what people call it; may be empty
	States          []string // in which multiplications end that it tells of
	Small           bool     // whether it tells of small ones, too, none of which is inline then
	OnlyNamed       bool     // it tells of those only whose submissions name it, be they small or not
	CreatedAt       time.Time
	OldSecretUntil  *time.Time // until when the secret before signs, too; nil: it does not
	FailingSince    *time.Time // since when no attempt has succeeded; nil: the last one has, or there was none
	DisabledAt      *time.Time // since when nothing is sent; nil: it is enabled
	DisabledBecause string
}

func newWebhook(row db.Webhook) Webhook {
	w := Webhook{
		ID:           row.ID,
		URL:          row.Url,
		Name:         row.Name,
		States:       row.States,
		Small:        row.Small,
		OnlyNamed:    row.OnlyNamed,
		CreatedAt:    row.CreatedAt,
		FailingSince: row.FailingSince,
		DisabledAt:   row.DisabledAt,
	}
	if row.OldSecretUntil != nil && row.OldSecretUntil.After(time.Now()) {
		w.OldSecretUntil = row.OldSecretUntil
	}
	if row.DisabledBecause != nil {
		w.DisabledBecause = *row.DisabledBecause
	}
	return w
}

// Order asks for a webhook.
type Order struct {
	URL       string
	Name      string
	States    []string // nil: all
	Small     bool
	OnlyNamed bool
}

func (o Order) check() error {
	if err := webhook.CheckURL(o.URL); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if !utf8.ValidString(o.Name) || utf8.RuneCountInString(o.Name) > maxName {
		return fmt.Errorf("%w: the name must have at most %d characters", ErrInvalid, maxName)
	}
	if o.OnlyNamed && o.Small {
		return fmt.Errorf("%w: with only_named it tells of each multiplication that names it: leave small out", ErrInvalid)
	}
	for _, s := range o.States {
		if !slices.Contains(States(), s) {
			return fmt.Errorf("%w: a multiplication does not end as %.40q, but as one of %v", ErrInvalid, s, States())
		}
	}
	return nil
}

// Create makes a webhook of a tenant, and returns it with its secret, which is not shown again. Errors: ErrInvalid,
// ErrMany, ErrOlder.
func Create(ctx context.Context, t store.Tenant, o Order) (Webhook, webhook.Secret, error) {
	if err := o.check(); err != nil {
		return Webhook{}, nil, err
	}
	states := slices.Compact(slices.Sorted(slices.Values(o.States)))
	if len(states) == 0 {
		states = States()
	}
	secret := webhook.NewSecret()
	var row db.Webhook
	err := t.InTx(ctx, func(tx *store.TenantTx) error {
		q := db.New(tx.Tx().Pgx())
		knows := int16(since)
		if o.OnlyNamed {
			knows = sinceNamed
		}
		known, err := q.AllKnow(ctx, knows)
		if err == nil && !known {
			err = ErrOlder
		}
		if err == nil {
			err = q.LockWebhooksOf(ctx, int32(t.ID()))
		}
		if err == nil {
			row, err = q.InsertWebhook(ctx, db.InsertWebhookParams{
				ID:        store.NewID(),
				TenantID:  t.ID(),
				Url:       o.URL,
				Name:      o.Name,
				States:    states,
				Small:     o.Small,
				OnlyNamed: o.OnlyNamed,
				Secret:    secret,
				Most:      Most,
			})
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrMany
		}
		return err
	})
	if err != nil {
		return Webhook{}, nil, fmt.Errorf("making a webhook: %w", err)
	}
	return newWebhook(row), secret, nil
}

// List returns the webhooks of a tenant, the oldest first.
func List(ctx context.Context, t store.Tenant) ([]Webhook, error) {
	rows, err := queries(t).ListWebhooks(ctx, t.ID())
	if err != nil {
		return nil, fmt.Errorf("listing the webhooks: %w", err)
	}
	list := make([]Webhook, len(rows))
	for i, row := range rows {
		list[i] = newWebhook(row)
	}
	return list, nil
}

// Get returns a webhook. Errors: store.ErrNotFound.
func Get(ctx context.Context, t store.Tenant, id uuid.UUID) (Webhook, error) {
	row, err := queries(t).GetWebhook(ctx, t.ID(), id)
	return newWebhook(row), store.NotFound(err, "webhook", id)
}

// Delete deletes a webhook with its deliveries, of which none is sent any more. Errors: store.ErrNotFound.
func Delete(ctx context.Context, t store.Tenant, id uuid.UUID) error {
	n, err := queries(t).DeleteWebhook(ctx, t.ID(), id)
	if err == nil && n == 0 {
		err = pgx.ErrNoRows
	}
	return store.NotFound(err, "webhook", id)
}

// Rotate gives a webhook a new secret, and returns it. The one before signs as well for a time, and the one before that
// no more. Errors: store.ErrNotFound.
func Rotate(ctx context.Context, t store.Tenant, id uuid.UUID) (Webhook, webhook.Secret, error) {
	secret := webhook.NewSecret()
	row, err := queries(t).RotateWebhook(ctx, db.RotateWebhookParams{
		Overlap:  Overlap,
		Secret:   secret,
		TenantID: t.ID(),
		ID:       id,
	})
	return newWebhook(row), secret, store.NotFound(err, "webhook", id)
}

// Enable has messages sent again that are new from now on. It does nothing to a webhook that is enabled. Errors:
// store.ErrNotFound.
func Enable(ctx context.Context, t store.Tenant, id uuid.UUID) (Webhook, error) {
	row, err := queries(t).EnableWebhook(ctx, t.ID(), id)
	return newWebhook(row), store.NotFound(err, "webhook", id)
}

func queries(t store.Tenant) *db.Queries { return db.New(t.Store().Pool) }

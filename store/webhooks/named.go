package webhooks

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
	"github.com/millrace/millrace/webhook"
)

// sinceNamed is the schema version from which on processes send to the url that a submission names.
const sinceNamed = 30

var (
	// ErrUnknown means that a submission names a url to which no webhook sends that it may name.
	ErrUnknown = errors.New("no webhook of the tenant sends there: make one with this url and only_named, and add " +
		"parameters to it where they are needed")
	// ErrDisabled means that a submission names a webhook that sends nothing.
	ErrDisabled = errors.New("the webhook is disabled: enable it first")
)

// NotNamed reports whether an error of NameTx is about what the submission names, not about the service.
func NotNamed(err error) bool {
	return errors.Is(err, ErrInvalid) || errors.Is(err, ErrUnknown) || errors.Is(err, ErrDisabled)
}

// NameTx has the webhook with a url, to which parameters may be added, tell of a new multiplication. Errors:
// ErrInvalid, ErrUnknown, ErrDisabled, ErrOlder.
func NameTx(ctx context.Context, tx *store.TenantTx, multiplication uuid.UUID, url string) error {
	if err := webhook.CheckURL(url); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	q := db.New(tx.Tx().Pgx())
	known, err := q.AllKnow(ctx, sinceNamed)
	if err == nil && !known {
		err = ErrOlder
	}
	if err != nil {
		return fmt.Errorf("naming a webhook: %w", err)
	}
	named, err := q.FindNamedWebhook(ctx, tx.ID(), url)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("webhook %.200q: %w", url, ErrUnknown)
	case err == nil && named.DisabledAt != nil:
		return fmt.Errorf("webhook %s: %w", named.ID, ErrDisabled)
	case err == nil:
		err = q.NameWebhook(ctx, url, multiplication, named.ID)
	}
	if err != nil {
		return fmt.Errorf("naming a webhook: %w", err)
	}
	return nil
}

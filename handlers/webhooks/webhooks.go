// Package webhooks has the operations on webhooks and their deliveries.
package webhooks

import (
	"context"
	"errors"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue/deliver"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/webhooks"
)

// Webhooks implements the operations.
type Webhooks struct {
	store *store.Store
	room  *deliver.Room
	fail  func(context.Context, error) error
}

// New returns the operations on the webhooks of a store, which a room sends. Errors that do not say what to respond are
// given to fail.
func New(s *store.Store, room *deliver.Room, fail func(context.Context, error) error) *Webhooks {
	return &Webhooks{
		store: s,
		room:  room,
		fail:  fail,
	}
}

// Register adds the operations.
func (w *Webhooks) Register(api huma.API, routes *auth.Routes) {
	const (
		one      = apidoc.WebhooksPath + "/{id}"
		delivery = one + "/deliveries/{delivery_id}"
	)
	auth.Route(api, routes, "POST "+apidoc.WebhooksPath, apidoc.CreateWebhook(), failing(w, w.create))
	auth.Route(api, routes, "GET "+apidoc.WebhooksPath, apidoc.ListWebhooks(), failing(w, w.list))
	auth.Route(api, routes, "GET "+one, apidoc.GetWebhook(), failing(w, w.get))
	auth.Route(api, routes, "DELETE "+one, apidoc.DeleteWebhook(), failing(w, w.delete))
	auth.Route(api, routes, "POST "+one+"/rotate", apidoc.RotateWebhook(), failing(w, w.rotate))
	auth.Route(api, routes, "POST "+one+"/enable", apidoc.EnableWebhook(), failing(w, w.enable))
	auth.Route(api, routes, "GET "+one+"/deliveries", apidoc.ListDeliveries(), failing(w, w.listDeliveries))
	auth.Route(api, routes, "POST "+delivery+"/replay", apidoc.ReplayDelivery(), failing(w, w.replay))
}

// failing gives the errors of a handler the problems that clients get.
func failing[I, O any](
	w *Webhooks, handler func(context.Context, *I) (*O, error),
) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		var status huma.StatusError
		switch {
		case err == nil, errors.As(err, &status):
		case errors.Is(err, webhooks.ErrInvalid):
			err = problem.New(problem.Invalid, err.Error())
		case errors.Is(err, webhooks.ErrMany), errors.Is(err, webhooks.ErrNotReplayed):
			err = problem.New(problem.Conflict, err.Error())
		case errors.Is(err, webhooks.ErrOlder):
			err = problem.Retryable(problem.Updating, err.Error())
		default:
			err = w.fail(ctx, err)
		}
		return out, err
	}
}

// own returns the part of the store that a request may see and use.
func (w *Webhooks) own(ctx context.Context) store.Tenant {
	return w.store.For(identity.From(ctx).Tenant)
}

// ByID is a request for a webhook. An id that is none leads to a 404, as one that is unknown.
type ByID struct {
	ID string `path:"id"`
}

func (in ByID) id() uuid.UUID {
	id, _ := uuid.Parse(in.ID)
	return id
}

type createInput struct {
	Body resource.WebhookOrder
}

type createOutput struct {
	Location string `header:"Location"`
	Body     resource.NewWebhook
}

// create handles POST /v1/webhooks.
func (w *Webhooks) create(ctx context.Context, in *createInput) (*createOutput, error) {
	order := webhooks.Order{
		URL:    in.Body.URL,
		Name:   in.Body.Name,
		States: in.Body.States,
		Small:  in.Body.Small == nil || *in.Body.Small,
	}
	if err := w.room.Check(order.URL); err != nil {
		return nil, problem.New(problem.Invalid, webhooks.ErrInvalid.Error()+": "+err.Error())
	}
	made, secret, err := webhooks.Create(ctx, w.own(ctx), order)
	if err != nil {
		return nil, err
	}
	if err := w.room.Refresh(ctx); err != nil { // the next look does
		return nil, err
	}
	return &createOutput{
		Location: apidoc.WebhooksPath + "/" + made.ID.String(),
		Body:     resource.NewWebhook{Webhook: body(made), Secret: secret.Text()},
	}, nil
}

type listOutput struct {
	Body resource.WebhookList
}

// list handles GET /v1/webhooks.
func (w *Webhooks) list(ctx context.Context, _ *struct{}) (*listOutput, error) {
	list, err := webhooks.List(ctx, w.own(ctx))
	if err != nil {
		return nil, err
	}
	out := &listOutput{Body: resource.WebhookList{Items: make([]resource.Webhook, len(list))}}
	for i, one := range list {
		out.Body.Items[i] = body(one)
	}
	return out, nil
}

type oneOutput struct {
	Body resource.Webhook
}

// get handles GET /v1/webhooks/{id}.
func (w *Webhooks) get(ctx context.Context, in *ByID) (*oneOutput, error) {
	one, err := webhooks.Get(ctx, w.own(ctx), in.id())
	return &oneOutput{Body: body(one)}, err
}

// delete handles DELETE /v1/webhooks/{id}.
func (w *Webhooks) delete(ctx context.Context, in *ByID) (*struct{}, error) {
	return nil, webhooks.Delete(ctx, w.own(ctx), in.id())
}

type newOutput struct {
	Body resource.NewWebhook
}

// rotate handles POST /v1/webhooks/{id}/rotate.
func (w *Webhooks) rotate(ctx context.Context, in *ByID) (*newOutput, error) {
	one, secret, err := webhooks.Rotate(ctx, w.own(ctx), in.id())
	return &newOutput{Body: resource.NewWebhook{Webhook: body(one), Secret: secret.Text()}}, err
}

// enable handles POST /v1/webhooks/{id}/enable.
func (w *Webhooks) enable(ctx context.Context, in *ByID) (*oneOutput, error) {
	one, err := webhooks.Enable(ctx, w.own(ctx), in.id())
	return &oneOutput{Body: body(one)}, err
}

// body returns the JSON form of a webhook.
func body(w webhooks.Webhook) resource.Webhook {
	b := resource.Webhook{
		ID:              w.ID.String(),
		URL:             w.URL,
		Name:            w.Name,
		States:          w.States,
		Small:           w.Small,
		State:           "enabled",
		CreatedAt:       w.CreatedAt.UTC(),
		OldSecretUntil:  utc(w.OldSecretUntil),
		FailingSince:    utc(w.FailingSince),
		DisabledAt:      utc(w.DisabledAt),
		DisabledBecause: w.DisabledBecause,
	}
	switch {
	case w.DisabledAt != nil:
		b.State = "disabled"
	case w.FailingSince != nil:
		b.State = "failing"
	}
	return b
}

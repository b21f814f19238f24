// Package webhooks has the operations on webhooks and their deliveries.
package webhooks

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/auth"
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
	auth.Route(api, routes, "POST "+apidoc.WebhooksPath, apidoc.CreateWebhook(), auth.Failing(w.fail, w.create))
	auth.Route(api, routes, "GET "+apidoc.WebhooksPath, apidoc.ListWebhooks(), auth.Failing(w.fail, w.list))
	auth.Route(api, routes, "GET "+one, apidoc.GetWebhook(), auth.Failing(w.fail, w.get))
	auth.Route(api, routes, "DELETE "+one, apidoc.DeleteWebhook(), auth.Failing(w.fail, w.delete))
	auth.Route(api, routes, "POST "+one+"/rotate", apidoc.RotateWebhook(), auth.Failing(w.fail, w.rotate))
	auth.Route(api, routes, "POST "+one+"/enable", apidoc.EnableWebhook(), auth.Failing(w.fail, w.enable))
	auth.Route(api, routes, "GET "+one+"/deliveries", apidoc.ListDeliveries(), auth.Failing(w.fail, w.listDeliveries))
	auth.Route(api, routes, "POST "+delivery+"/replay", apidoc.ReplayDelivery(), auth.Failing(w.fail, w.replay))
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
		URL:       in.Body.URL,
		Name:      in.Body.Name,
		States:    in.Body.States,
		Small:     !in.Body.OnlyNamed,
		OnlyNamed: in.Body.OnlyNamed,
	}
	if in.Body.Small != nil {
		order.Small = *in.Body.Small
	}
	if err := w.room.Check(order.URL); err != nil {
		return nil, fmt.Errorf("%w: %w", webhooks.ErrInvalid, err)
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
		OnlyNamed:       w.OnlyNamed,
		State:           "enabled",
		CreatedAt:       w.CreatedAt.UTC(),
		OldSecretUntil:  resource.UTC(w.OldSecretUntil),
		FailingSince:    resource.UTC(w.FailingSince),
		DisabledAt:      resource.UTC(w.DisabledAt),
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

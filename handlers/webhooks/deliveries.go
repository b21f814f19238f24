package webhooks

import (
	"context"
	"math"
	"strconv"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/store/webhooks"
	"github.com/millrace/millrace/webhook"
)

type deliveriesInput struct {
	ByID
	Delivery string `query:"delivery_state" enum:"pending,delivered,failed" doc:"Only deliveries in this state" example:"failed"`
	Limit    int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of deliveries in the page"`
	Before   string `query:"before" doc:"next_cursor of the previous page, with the same filter"`
}

type deliveriesOutput struct {
	Body resource.DeliveryList
}

// listDeliveries handles GET /v1/webhooks/{id}/deliveries.
func (w *Webhooks) listDeliveries(ctx context.Context, in *deliveriesInput) (*deliveriesOutput, error) {
	before := int64(math.MaxInt64)
	if in.Before != "" {
		var err error
		if before, err = strconv.ParseInt(in.Before, 10, 64); err != nil || before < 0 {
			return nil, problem.New(problem.Invalid, "invalid before: it must be the next_cursor of a page")
		}
	}
	page, err := webhooks.Page(ctx, w.own(ctx), in.id(), in.Delivery, before, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &deliveriesOutput{Body: resource.DeliveryList{Items: make([]resource.Delivery, len(page))}}
	for i, d := range page {
		out.Body.Items[i] = deliveryBody(d)
	}
	if len(page) == in.Limit {
		out.Body.NextCursor = strconv.FormatInt(page[len(page)-1].Seq, 10)
	}
	return out, nil
}

type replayInput struct {
	ByID
	Delivery string `path:"delivery_id"`
}

type deliveryOutput struct {
	Body resource.Delivery
}

// replay handles POST /v1/webhooks/{id}/deliveries/{delivery_id}/replay.
func (w *Webhooks) replay(ctx context.Context, in *replayInput) (*deliveryOutput, error) {
	delivery, _ := uuid.Parse(in.Delivery)
	replayed, err := webhooks.Replay(ctx, w.own(ctx), in.id(), delivery)
	return &deliveryOutput{Body: deliveryBody(replayed)}, err
}

// deliveryBody returns the JSON form of a delivery.
func deliveryBody(d webhooks.Delivery) resource.Delivery {
	message := webhook.Message{State: d.EndedAs}
	return resource.Delivery{
		ID:               d.ID.String(),
		MultiplicationID: d.Multiplication.String(),
		Type:             message.Type(),
		URL:              d.Named,
		State:            d.State,
		Attempts:         d.Attempts,
		Status:           d.Status,
		Error:            d.Error,
		CreatedAt:        d.CreatedAt.UTC(),
		AttemptedAt:      resource.UTC(d.AttemptedAt),
		NextAt:           resource.UTC(d.NextAt),
		FinishedAt:       resource.UTC(d.FinishedAt),
	}
}

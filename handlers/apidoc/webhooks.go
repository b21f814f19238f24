package apidoc

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// WebhooksPath is the path of the webhooks.
const WebhooksPath = "/v1/webhooks"

const (
	webhooksTag = "webhooks"

	exampleWebhookID  = "01a20a2b-e14f-7a3c-b0d5-8c1f6e2a9d47"
	exampleDeliveryID = "5b0f3c1e-8a6d-4f27-9e41-d2c7b8a95f03"
	exampleSigningKey = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
)

func exampleWebhook() resource.Webhook {
	return resource.Webhook{
		ID:        exampleWebhookID,
		URL:       "https://example.com/hooks/millrace",
		Name:      "nightly run",
		States:    []string{"completed", "failed"},
		Small:     true,
		State:     "enabled",
		CreatedAt: example.Time,
	}
}

func exampleNewWebhook() resource.NewWebhook {
	return resource.NewWebhook{
		Webhook: exampleWebhook(),
		Secret:  "whsec_" + exampleSigningKey,
	}
}

func exampleWebhookOrder() resource.WebhookOrder {
	return resource.WebhookOrder{
		URL:    "https://example.com/hooks/millrace",
		Name:   "nightly run",
		States: []string{"completed", "failed"},
	}
}

func exampleDelivery() resource.Delivery {
	return resource.Delivery{
		ID:               exampleDeliveryID,
		MultiplicationID: example.ID,
		Type:             "multiplication.completed",
		State:            "pending",
		Attempts:         2,
		Status:           http.StatusInternalServerError,
		Error:            "the receiver responded with 500",
		CreatedAt:        example.Time,
		AttemptedAt:      new(example.Time.Add(6 * time.Second)),
		NextAt:           new(example.Time.Add(5 * time.Minute)),
	}
}

func noSuchWebhook() response {
	return refusal(problem.NotFound, "There is no such webhook, or it has been deleted.",
		"webhook "+exampleWebhookID+notFoundHint)
}

// CreateWebhook describes POST /v1/webhooks.
func CreateWebhook() huma.Operation {
	return huma.Operation{
		OperationID: "create-webhook",
		Tags:        []string{webhooksTag},
		Summary:     "Make a webhook",
		Description: "From now on the url gets a message when a multiplication of the tenant ends that was submitted " +
			"after this, as [Standard Webhooks](https://www.standardwebhooks.com) says: a signed POST with the type, the " +
			"time, and the id, state and paths of the multiplication. A message that the receiver does not take is tried " +
			"again for three days. With `only_named` it tells of those multiplications only whose submissions name it. The " +
			"response has the secret, which is shown once. A tenant has 20 webhooks at most.",
		Security:      needsSubmit,
		MaxBodyBytes:  16 << 10,
		DefaultStatus: http.StatusCreated,
		Responses: responses(
			success(http.StatusCreated, "The webhook, with its secret.", exampleNewWebhook(), "Location"),
			notJSON(),
			refusal(problem.TooLarge, "The body has more than 16 KiB.",
				"request body is too large limit=16384 bytes"),
			refusal(problem.MediaType, "The body is not `application/json`.",
				"unsupported media type, send application/json"),
			refusal(problem.Conflict, "The tenant has as many webhooks as it may have.",
				"making a webhook: there are 20 webhooks, the most that there may be: delete one first"),
			refusal(problem.Invalid, "The url is none that may be called, or the request is not as described.",
				"invalid webhook: the url must have no user and password: it is shown in lists"),
		),
	}
}

// ListWebhooks describes GET /v1/webhooks.
func ListWebhooks() huma.Operation {
	return huma.Operation{
		OperationID: "list-webhooks",
		Tags:        []string{webhooksTag},
		Summary:     "List webhooks",
		Description: "All webhooks of the tenant. They come without their secrets.",
		Security:    needsRead,
		Responses: responses(
			success(http.StatusOK, "The webhooks.", resource.WebhookList{Items: []resource.Webhook{exampleWebhook()}}),
		),
	}
}

// GetWebhook describes GET /v1/webhooks/{id}.
func GetWebhook() huma.Operation {
	return huma.Operation{
		OperationID: "get-webhook",
		Tags:        []string{webhooksTag},
		Summary:     "Get a webhook",
		Description: "Whether it is enabled, and since when it has failed. It comes without its secret.",
		Security:    needsRead,
		Responses: responses(
			success(http.StatusOK, "The webhook.", exampleWebhook()),
			noSuchWebhook(),
		),
	}
}

// DeleteWebhook describes DELETE /v1/webhooks/{id}.
func DeleteWebhook() huma.Operation {
	return huma.Operation{
		OperationID:   "delete-webhook",
		Tags:          []string{webhooksTag},
		Summary:       "Delete a webhook",
		Description:   "Its deliveries are deleted with it, and none of them is sent any more.",
		Security:      needsSubmit,
		DefaultStatus: http.StatusNoContent,
		Responses: responses(
			success(http.StatusNoContent, "The webhook is deleted.", nil),
			noSuchWebhook(),
		),
	}
}

// RotateWebhook describes POST /v1/webhooks/{id}/rotate.
func RotateWebhook() huma.Operation {
	return huma.Operation{
		OperationID: "rotate-webhook-secret",
		Tags:        []string{webhooksTag},
		Summary:     "Give a webhook a new secret",
		Description: "For 24 hours messages have two signatures, by the new secret and by the one before, so that the " +
			"receiver can change over. The response has the new secret, which is shown once.",
		Security: needsSubmit,
		Responses: responses(
			success(http.StatusOK, "The webhook, with its new secret.", exampleNewWebhook()),
			noSuchWebhook(),
		),
	}
}

// EnableWebhook describes POST /v1/webhooks/{id}/enable.
func EnableWebhook() huma.Operation {
	return huma.Operation{
		OperationID: "enable-webhook",
		Tags:        []string{webhooksTag},
		Summary:     "Enable a webhook that was disabled",
		Description: "A webhook is disabled when its receiver responds with 410, or has failed for five days. Messages " +
			"that are new from now on are sent again; earlier ones can be replayed.",
		Security: needsSubmit,
		Responses: responses(
			success(http.StatusOK, "The webhook, which is enabled.", exampleWebhook()),
			noSuchWebhook(),
		),
	}
}

// ListDeliveries describes GET /v1/webhooks/{id}/deliveries.
func ListDeliveries() huma.Operation {
	return huma.Operation{
		OperationID: "list-deliveries",
		Tags:        []string{webhooksTag},
		Summary:     "List the deliveries of a webhook",
		Description: "What has become of its messages. They are kept for as long as multiplications after they were " +
			"delivered or given up.",
		Security: needsRead,
		Responses: responses(
			success(http.StatusOK, "The deliveries.", resource.DeliveryList{
				Items:      []resource.Delivery{exampleDelivery()},
				NextCursor: "1718",
			}),
			noSuchWebhook(),
			refusal(problem.Invalid, "A parameter is not as described.",
				"invalid before: it must be the next_cursor of a page"),
		),
	}
}

// ReplayDelivery describes POST /v1/webhooks/{id}/deliveries/{delivery_id}/replay.
func ReplayDelivery() huma.Operation {
	return huma.Operation{
		OperationID: "replay-delivery",
		Tags:        []string{webhooksTag},
		Summary:     "Send a message once more",
		Description: "Of a delivery that has ended, whether the receiver has taken it or not. It is the same message, with " +
			"the same `webhook-id`, and has as many attempts as a new one.",
		Security:      needsSubmit,
		DefaultStatus: http.StatusAccepted,
		Responses: responses(
			success(http.StatusAccepted, "The delivery, which is pending.", exampleDelivery()),
			refusal(problem.NotFound, "There is no such delivery, or it has expired.",
				"delivery "+exampleDeliveryID+notFoundHint),
			refusal(problem.Conflict, "The delivery is pending, or its webhook is disabled.",
				"a delivery is replayed when it has ended, and while its webhook is enabled"),
		),
	}
}

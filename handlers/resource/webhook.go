package resource

import "time"

// Webhook is where messages about the multiplications of a tenant are sent.
type Webhook struct {
	ID              string     `json:"id" format:"uuid" maxLength:"36"`
	URL             string     `json:"url" format:"uri" doc:"Where messages are sent" maxLength:"2000"`
	Name            string     `json:"name" doc:"What people call it; may be empty" pattern:"^[^\\x00-\\x1f]*$" maxLength:"100"`
	States          []string   `json:"states" nullable:"false" minItems:"1" maxItems:"3" enum:"completed,failed,cancelled" example:"completed,failed,cancelled" doc:"It tells of multiplications that end in these states"`
	Small           bool       `json:"small" doc:"Whether it tells of small multiplications, too"`
	OnlyNamed       bool       `json:"only_named" doc:"Whether it tells of those multiplications only whose submissions name it by its url, be they small or not"`
	State           string     `json:"state" enum:"enabled,failing,disabled" doc:"Failing: the last attempt to send a message has failed. Disabled: nothing is sent, see disabled_because"`
	CreatedAt       time.Time  `json:"created_at"`
	OldSecretUntil  *time.Time `json:"old_secret_until,omitempty" doc:"Until when messages have a signature by the secret before, too; absent if they do not"`
	FailingSince    *time.Time `json:"failing_since,omitempty" doc:"Since when no attempt has succeeded; absent if the last one has, or there was none"`
	DisabledAt      *time.Time `json:"disabled_at,omitempty" doc:"Absent if it is enabled"`
	DisabledBecause string     `json:"disabled_because,omitempty" pattern:"\\S" maxLength:"200" doc:"Absent if it is enabled"`
}

// NewWebhook is a webhook with a secret that is new.
type NewWebhook struct {
	Webhook
	Secret string `json:"secret" doc:"The key of the signatures. It is shown once." pattern:"^whsec_[0-9A-Za-z+/]{43}=$" maxLength:"50"`
}

// WebhookOrder asks for a webhook.
type WebhookOrder struct {
	URL       string   `json:"url" format:"uri" minLength:"1" maxLength:"2000" doc:"Where messages are sent: https, or http in a network that the server allows. Its host must have a public address, or one that the server allows"`
	Name      string   `json:"name,omitempty" doc:"What people call it" pattern:"^[^\\x00-\\x1f]*$" maxLength:"100"`
	States    []string `json:"states,omitempty" nullable:"false" maxItems:"3" enum:"completed,failed,cancelled" example:"completed,failed,cancelled" doc:"Only multiplications that end in these states; all if it is left out"`
	Small     *bool    `json:"small,omitempty" doc:"Whether it tells of small multiplications, too: true if it is left out. While a tenant has such a webhook, its small multiplications are accepted as any other, about ten times as slowly"`
	OnlyNamed bool     `json:"only_named,omitempty" doc:"Whether it tells of those multiplications only whose submissions name it by its url, be they small or not. Others of the tenant are as fast as without it"`
}

// WebhookList is the webhooks of a tenant.
type WebhookList struct {
	Items []Webhook `json:"items" nullable:"false" maxItems:"20" doc:"The oldest first"`
}

// Delivery is a message of a webhook, and what has become of it.
type Delivery struct {
	ID               string     `json:"id" format:"uuid" maxLength:"36" doc:"The message has it as webhook-id"`
	MultiplicationID string     `json:"multiplication_id" format:"uuid" maxLength:"36"`
	URL              string     `json:"url,omitempty" format:"uri" maxLength:"2000" doc:"Where it is sent to, if a submission has named it; absent if that is the url of the webhook"`
	Type             string     `json:"type" enum:"multiplication.completed,multiplication.failed,multiplication.cancelled"`
	State            string     `json:"state" enum:"pending,delivered,failed" doc:"Pending: it is to be sent, for the first time or again. Failed: it is not tried any more, unless it is replayed"`
	Attempts         int        `json:"attempts" minimum:"0" maximum:"2147483647"`
	Status           int        `json:"status,omitempty" minimum:"100" maximum:"999" doc:"Of the response to the last attempt; absent if there was none"`
	Error            string     `json:"error,omitempty" pattern:"\\S" maxLength:"300" doc:"Why the last attempt has failed; absent if it has not"`
	CreatedAt        time.Time  `json:"created_at" doc:"When the multiplication has ended"`
	AttemptedAt      *time.Time `json:"attempted_at,omitempty" doc:"When it was tried last"`
	NextAt           *time.Time `json:"next_at,omitempty" doc:"When it is tried again"`
	FinishedAt       *time.Time `json:"finished_at,omitempty" doc:"When it was delivered, or given up"`
}

// DeliveryList is a page of deliveries.
type DeliveryList struct {
	Items      []Delivery `json:"items" nullable:"false" maxItems:"200" doc:"The newest first"`
	NextCursor string     `json:"next_cursor,omitempty" pattern:"^[0-9]+$" maxLength:"19" doc:"The cursor of the next page; absent on the last one"`
}

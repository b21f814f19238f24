package handlers_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/webhook"
)

const hooksPath = "/v1/webhooks"

// hook makes a webhook.
func (b *testBundle) hook(t testing.TB, order string, headers ...string) resource.NewWebhook {
	t.Helper()
	headers = append([]string{"Content-Type", jsonType}, headers...)
	a := b.do(t, http.MethodPost, hooksPath, strings.NewReader(order), headers...).want(t, http.StatusCreated)
	made := decode[resource.NewWebhook](t, a)
	if want := hooksPath + "/" + made.ID; a.Header.Get("Location") != want {
		t.Errorf("Location = %q, want %q", a.Header.Get("Location"), want)
	}
	return made
}

// hookWithDelivery makes a webhook, and has it tell of a multiplication that is cancelled. Nothing sends: the service
// computes nothing, or has stopped. It returns the ids of both.
func (b *testBundle) hookWithDelivery(t testing.TB, headers ...string) (hook, delivery string) {
	t.Helper()
	hook = b.hook(t, `{"url": "https://example.com/hooks", "small": false}`, headers...).ID
	a := b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(randoms(300, 300, 300)),
		append([]string{"Content-Type", jsonType}, headers...)...).want(t, http.StatusAccepted)
	id := decode[resource.Multiplication](t, a).ID
	b.do(t, http.MethodPost, "/v1/multiplications/"+id+"/cancel", nil, headers...).want(t, http.StatusOK)
	list := decode[resource.DeliveryList](t, b.get(t, hooksPath+"/"+hook+"/deliveries", headers...).want(t, http.StatusOK))
	if len(list.Items) != 1 || list.Items[0].MultiplicationID != id || list.Items[0].Type != "multiplication.cancelled" {
		t.Fatalf("got the deliveries %+v, want one about %s", list, id)
	}
	return hook, list.Items[0].ID
}

// TestWebhooks: a webhook is made, shown, listed, rotated, enabled and deleted; its secret is shown when it is new
// only.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	made := b.hook(t, `{"url": "https://example.com/a", "name": "x", "states": ["failed", "failed", "completed"]}`)
	if made.State != "enabled" || !made.Small || fmt.Sprint(made.States) != "[completed failed]" {
		t.Errorf("made %+v, want one that is enabled and tells of all that fails or is completed", made)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(made.Secret, webhook.SecretPrefix))
	if err != nil || len(key) != 32 {
		t.Errorf("the secret is %q, want whsec_ and 32 bytes", made.Secret)
	}
	path := hooksPath + "/" + made.ID
	rotated := decode[resource.NewWebhook](t, b.do(t, http.MethodPost, path+"/rotate", nil).want(t, http.StatusOK))
	if rotated.Secret == made.Secret || rotated.OldSecretUntil == nil {
		t.Errorf("rotated to %+v, want another secret beside the first", rotated)
	}
	b.do(t, http.MethodPost, path+"/enable", nil).want(t, http.StatusOK)
	other := b.hook(t, `{"url": "https://example.com/b", "small": false}`)
	list := b.get(t, hooksPath).want(t, http.StatusOK)
	items := decode[resource.WebhookList](t, list).Items
	if len(items) != 2 || items[0].ID != made.ID || items[1].ID != other.ID || items[1].Small {
		t.Errorf("listed %+v, want both, the older first", items)
	}
	for _, a := range []received{list, b.get(t, path).want(t, http.StatusOK)} {
		if strings.Contains(string(a.body), webhook.SecretPrefix) {
			t.Errorf("the secret is shown again: %s", a.body)
		}
	}
	b.do(t, http.MethodDelete, path, nil).want(t, http.StatusNoContent)
	b.get(t, path).want(t, http.StatusNotFound)
	b.get(t, hooksPath+"/x").want(t, http.StatusNotFound)
}

// TestWebhookURLs: what could not be called is refused when the webhook is made.
func TestWebhookURLs(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for url, want := range map[string]string{
		"":                           "url",
		"example.com":                "https://",
		"ftp://example.com/":         "https://",
		"https:///x":                 "host",
		"https://a:b@example.com/":   "password",
		"https://example.com/#x":     "fragment",
		"https://127.0.0.1/":         "--webhook-allow",
		"https://[::1]/":             "--webhook-allow",
		"https://[::ffff:10.0.0.1]/": "--webhook-allow",
		"http://8.8.8.8/":            "--webhook-allow",
		"https://169.254.169.254/":   "--webhook-allow",
	} {
		body := fmt.Sprintf(`{"url": %q}`, url)
		a := b.do(t, http.MethodPost, hooksPath, strings.NewReader(body), "Content-Type", jsonType)
		if a.want(t, http.StatusUnprocessableEntity); !strings.Contains(string(a.body), want) {
			t.Errorf("%q: %s, want %q in it", url, a.body, want)
		}
	}
}

// TestDeliveries: pages of deliveries have each of them once, those of a state if one is given.
func TestDeliveries(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	hook, first := b.hookWithDelivery(t)
	_, err := b.store.Pool.Exec(t.Context(), `INSERT INTO webhook_deliveries
			(webhook_id, multiplication_id, ended_as, ended_at, state, finished_at, error, status, attempts)
		SELECT webhook_id, multiplication_id, ended_as, ended_at, 'failed', now(), 'the receiver responded with 500', 500, 10
		FROM webhook_deliveries, generate_series(1, 4)`)
	if err != nil {
		t.Fatal(err)
	}
	page := func(query string) resource.DeliveryList {
		t.Helper()
		return decode[resource.DeliveryList](t, b.get(t, hooksPath+"/"+hook+"/deliveries"+query).want(t, http.StatusOK))
	}
	seen := map[string]bool{}
	for cursor, pages := "", 0; cursor != "" || pages == 0; pages++ {
		query := "?limit=2"
		if cursor != "" {
			query += "&before=" + cursor
		}
		list := page(query)
		for _, d := range list.Items {
			seen[d.ID] = true
		}
		cursor = list.NextCursor
	}
	if len(seen) != 5 {
		t.Errorf("the pages have %d deliveries, want 5", len(seen))
	}
	if items := page("?delivery_state=pending").Items; len(items) != 1 || items[0].ID != first {
		t.Errorf("those that are pending are %+v, want %s", items, first)
	}
	failed := page("?delivery_state=failed").Items
	if len(failed) != 4 || failed[0].Status != 500 || failed[0].Error == "" {
		t.Errorf("those that have failed are %+v, want 4", failed)
	}
	a := b.do(t, http.MethodPost, hooksPath+"/"+hook+"/deliveries/"+failed[0].ID+"/replay", nil).want(t, http.StatusAccepted)
	if d := decode[resource.Delivery](t, a); d.State != "pending" || d.ID != failed[0].ID {
		t.Errorf("replayed %+v, want that it is pending", d)
	}
}

// TestNamedWebhooks: a submission of each form may name a webhook that tells of it.
func TestNamedWebhooks(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	const url = "https://example.com/hooks"
	made := b.hook(t, `{"url": "`+url+`", "only_named": true}`)
	if !made.OnlyNamed || made.Small {
		t.Errorf("made %+v, want one that tells of those that name it", made)
	}
	submit := func(webhook string, headers ...string) received {
		body := strings.Replace(randoms(2, 2, 2), "{", fmt.Sprintf(`{"webhook": %q, `, webhook), 1)
		headers = append([]string{"Content-Type", jsonType}, headers...)
		return b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(body), headers...)
	}
	first := submit(url+"?run=17", "Idempotency-Key", "named").want(t, http.StatusAccepted)
	again := submit(url+"?run=17", "Idempotency-Key", "named").want(t, http.StatusAccepted)
	m := decode[resource.Multiplication](t, first)
	if m.Webhook != url+"?run=17" || string(again.body) != string(first.body) {
		t.Errorf("submitted %s, and %s again, want the same with its webhook", first.body, again.body)
	}
	if got := decode[resource.Multiplication](t, b.get(t, m.Links.Self)); got.Webhook != m.Webhook {
		t.Errorf("got the webhook %q, want %q", got.Webhook, m.Webhook)
	}
	one := newElements(1, 1, 2).npy()
	contentType, body := form(t, part{"a", one}, part{"b", one}, part{"webhook", []byte(url)})
	a := b.do(t, http.MethodPost, "/v1/multiplications", bytes.NewReader(body), "Content-Type", contentType)
	if got := decode[resource.Multiplication](t, a.want(t, http.StatusAccepted)); got.Webhook != url {
		t.Errorf("the form has the webhook %q, want %q", got.Webhook, url)
	}
	b.do(t, http.MethodPost, m.Links.Self+"/cancel", nil).want(t, http.StatusOK)
	list := decode[resource.DeliveryList](t, b.get(t, hooksPath+"/"+made.ID+"/deliveries").want(t, http.StatusOK))
	if len(list.Items) != 1 || list.Items[0].URL != m.Webhook {
		t.Errorf("got the deliveries %+v, want one to %s", list.Items, m.Webhook)
	}
	for webhook, want := range map[string]string{
		"":                              "leave it out",
		"https://example.com/":          "only_named",
		url + "?a#b":                    "fragment",
		url + strings.Repeat("x", 2000): "2000",
	} {
		if a := submit(webhook).want(t, http.StatusUnprocessableEntity); !strings.Contains(string(a.body), want) {
			t.Errorf("%.60q: %s, want %q in it", webhook, a.body, want)
		}
	}
	if _, err := b.store.Pool.Exec(t.Context(), "UPDATE webhooks SET disabled_at = now(), disabled_because = 'x'"); err != nil {
		t.Fatal(err)
	}
	submit(url).want(t, http.StatusConflict)
}

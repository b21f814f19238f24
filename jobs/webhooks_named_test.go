package jobs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/webhooks"
)

// naming returns a small submission that names a url.
func naming(url string) jobs.Submission {
	return jobs.Submission{
		A:        values(1, 1),
		B:        values(1, 1),
		Priority: jobs.DefaultPriority,
		Webhook:  url,
	}
}

// hookNamed makes a webhook that tells of those only that name it.
func (b *testBundle) hookNamed(url string) webhooks.Webhook {
	b.t.Helper()
	w, _, err := webhooks.Create(b.t.Context(), b.own(), webhooks.Order{URL: url, OnlyNamed: true})
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// TestNamedWebhook: a submission names the webhook that tells of it, with parameters of its own. Others are as without
// one: they are inline, and nothing is told of them.
func TestNamedWebhook(t *testing.T) {
	b := setup(t)
	r := receive(t)
	w, secret, err := webhooks.Create(t.Context(), b.own(), webhooks.Order{URL: r.URL + "/hooks", OnlyNamed: true})
	if err != nil {
		t.Fatal(err)
	}
	c := b.leads()
	if err := c.Webhooks().Refresh(t.Context()); err != nil || c.Webhooks().TellsSmall(identity.DefaultTenant) {
		t.Fatalf("Refresh() = %v, TellsSmall() = %t, want false", err, c.Webhooks().TellsSmall(identity.DefaultTenant))
	}
	if _, _, ok, err := c.Inline(identity.DefaultTenant, naming("")); err != nil || !ok {
		t.Errorf("without a name: %t, %v, want that it is inline", ok, err)
	}
	b.ends(b.submit(c, 3, 2, 3), jobs.Completed) // which names none
	for _, url := range []string{r.URL + "/hooks", r.URL + "/hooks?run=17"} {
		m, err := b.trySubmit(c, naming(url))
		if err != nil {
			t.Fatal(err)
		}
		if m.Webhook == nil || *m.Webhook != url {
			t.Errorf("the multiplication names the webhook %v, want %s", m.Webhook, url)
		}
		got := r.next(t)
		if !strings.Contains(string(got.body), m.ID.String()) || r.URL+got.url != url {
			t.Errorf("%s got %s, want a message about %s at %s", got.url, got.body, m.ID, url)
		}
		if err := verify([]string{secret.Text()}, got.header, got.body, time.Now()); err != nil {
			t.Error(err)
		}
	}
	empty := naming(r.URL + "/hooks?empty") // it has ended when it is submitted
	empty.A, empty.B = values(0, 1), values(1, 2)
	m, err := b.trySubmit(c, empty)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.next(t); !strings.Contains(string(got.body), m.ID.String()) || got.url != "/hooks?empty" {
		t.Errorf("%s got %s, want a message about %s", got.url, got.body, m.ID)
	}
	b.untilCount(3, "SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered'")
	if d := b.deliveries(w); len(d) != 3 || d[0].Named != r.URL+"/hooks?empty" {
		t.Errorf("got the deliveries %+v, want three, each of a url", d)
	}
}

// TestNamedWebhookRefused: what names no webhook of the tenant that may be named is refused, and costs no other order of
// a batch. One that is deleted meanwhile tells of nothing.
func TestNamedWebhookRefused(t *testing.T) {
	b := setup(t)
	r := receive(t)
	c := b.leads()
	other, _, err := webhooks.Create(t.Context(), b.store.For(identity.DefaultTenant+1), webhooks.Order{
		URL:       r.URL + "/other",
		OnlyNamed: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.hook(r.URL+"/all", "failed")
	named, disabled := b.hookNamed(r.URL+"/named"), b.hookNamed(r.URL+"/disabled?x")
	b.exec("UPDATE webhooks SET disabled_at = now(), disabled_because = 'x' WHERE id = $1", disabled.ID)
	refused := map[string]error{
		other.URL:                         webhooks.ErrUnknown,
		r.URL + "/all":                    webhooks.ErrUnknown, // it tells of all
		r.URL + "/named2":                 webhooks.ErrUnknown,
		r.URL + "/named/2":                webhooks.ErrUnknown,
		r.URL + "/named&x":                webhooks.ErrUnknown,
		r.URL + "/named?x#y":              webhooks.ErrInvalid,
		r.URL + "/disabled?x&y":           webhooks.ErrDisabled,
		"https://user@example.com/":       webhooks.ErrInvalid,
		"named":                           webhooks.ErrInvalid,
		r.URL + strings.Repeat("x", 2000): webhooks.ErrInvalid,
	}
	orders := []jobs.Order{}
	want := []error{}
	add := func(url string, err error) {
		order, e := c.NewBatch(identity.DefaultTenant, 1).NewOrder(naming(url))
		if e != nil || order.Inline() != (url == "") {
			t.Fatalf("%q: %v, inline: %t", url, e, order.Inline())
		}
		orders, want = append(orders, order), append(want, err)
	}
	for url, err := range refused {
		add(url, err)
	}
	add("", nil)
	add(r.URL+"/named?1", nil)
	var accepted []jobs.Accepted
	err = b.own().InTx(t.Context(), func(tx *store.TenantTx) (err error) {
		if accepted, err = c.SubmitAllTx(t.Context(), tx, orders); err == nil {
			err = webhooks.Delete(t.Context(), b.own(), named.ID) // meanwhile
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range accepted {
		if !errors.Is(a.Err, want[i]) || want[i] == nil && a.ID == uuid.Nil {
			t.Errorf("order %d: %v, want %v", i, a.Err, want[i])
		}
	}
	b.ends(accepted[len(accepted)-1].ID, jobs.Completed)
	if n := b.count("SELECT count(*) FROM webhook_deliveries"); n != 0 {
		t.Errorf("there are %d deliveries, want none", n)
	}
}

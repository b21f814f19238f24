package jobs_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"log"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/webhooks"
	"github.com/millrace/millrace/webhook"
)

// TestWebhook: a receiver is told of each end, in a message that it can verify.
func TestWebhook(t *testing.T) {
	b := setup(t)
	r := receive(t)
	w, secret := b.hook(r.URL)
	c := b.leads()
	ends := map[string]uuid.UUID{"completed": b.submit(c, 3, 2, 3)}
	completed := r.next(t)
	ends["cancelled"] = b.submit(b.client(queue.Config{}), 3000, 3000, 3000)
	if err := b.cancel(c, ends["cancelled"]); err != nil {
		t.Fatal(err)
	}
	cancelled := r.next(t)
	if empty, m := b.submit(c, 0, 3, 2), r.next(t); !strings.Contains(string(m.body), empty.String()) {
		t.Errorf("got %s, want a message about %s, which is completed when it is submitted", m.body, empty)
	}
	for state, m := range map[string]message{"completed": completed, "cancelled": cancelled} {
		id := ends[state].String()
		if err := verify([]string{secret.Text()}, m.header, m.body, time.Now()); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		var got struct {
			Type      string
			Timestamp time.Time
			Data      struct {
				ID    string
				State string
				Links map[string]string
			}
		}
		if err := json.Unmarshal(m.body, &got); err != nil {
			t.Fatal(err)
		}
		if got.Type != "multiplication."+state || got.Data.ID != id || got.Data.State != state || got.Timestamp.IsZero() ||
			got.Data.Links["self"] != "/v1/multiplications/"+id {
			t.Errorf("the message of %s is %s", state, m.body)
		}
	}
	b.untilCount(3, "SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered'")
	for _, d := range b.deliveries(w) {
		if d.State != webhooks.Delivered || d.Attempts != 1 || d.Status != 200 {
			t.Errorf("got the delivery %+v, want one that was delivered at once", d)
		}
	}
}

// TestWebhookOfSmall: a webhook tells of small multiplications, which are not inline while there is one, whichever
// process accepts them, and of no others.
func TestWebhookOfSmall(t *testing.T) {
	b := setup(t)
	c := b.leads()
	tenant := identity.DefaultTenant
	small := func() (uuid.UUID, error) {
		i, _, ok, err := c.Inline(tenant, jobs.Submission{
			A:        values(1, 1),
			B:        values(1, 1),
			Priority: jobs.DefaultPriority,
		})
		if err != nil || !ok {
			return uuid.Nil, errors.Join(err, jobs.ErrNotInline)
		}
		return i.ID, c.Accept(t.Context(), queue.Offer{Multiplication: i})[0]
	}
	before, err := small()
	if err != nil {
		t.Fatalf("without a webhook: %v, want that it is inline", err)
	}
	b.ends(before, jobs.Completed)
	r := receive(t)
	w, _ := b.hook(r.URL, "completed")
	if _, err := small(); !errors.Is(err, jobs.ErrNotInline) { // the statement says so, when the process does not know yet
		t.Errorf("with a webhook that tells of it: %v, want %v", err, jobs.ErrNotInline)
	}
	if err := b.delete(c, before); err != nil { // which gives it a row first
		t.Fatal(err)
	}
	all := b.submitAll(c, values(1, 1), values(1, 1))
	if err := c.Webhooks().Refresh(t.Context()); err != nil || !c.Webhooks().TellsSmall(tenant) {
		t.Fatalf("Refresh() = %v, TellsSmall() = %t, want true", err, c.Webhooks().TellsSmall(tenant))
	}
	if m := r.next(t); !strings.Contains(string(m.body), all.String()) {
		t.Errorf("got %s, want a message about %s", m.body, all)
	}
	if _, err := webhooks.Enable(t.Context(), b.store.For(identity.DefaultTenant+1), w.ID); err == nil {
		t.Error("another tenant enables the webhook")
	}
	if err := webhooks.Delete(t.Context(), b.own(), w.ID); err != nil {
		t.Fatal(err)
	}
	if err := c.Webhooks().Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := small(); err != nil {
		t.Errorf("after the webhook was deleted: %v, want that it is inline", err)
	}
	if n := b.count("SELECT count(*) FROM webhook_deliveries"); n != 0 {
		t.Errorf("there are %d deliveries of a webhook that was deleted", n)
	}
}

// values returns an operand of ones that comes with its submission.
func values(rows, cols int64) jobs.Operand {
	shape := float64s(rows, cols)
	content := make([]byte, shape.Bytes())
	return jobs.Operand{Matrix: store.Matrix{
		ID:      store.NewID(),
		Rows:    rows,
		Cols:    cols,
		DType:   shape.DType,
		Source:  store.FromInline,
		State:   store.Ready,
		Content: content,
		Digest:  npy.Digest(shape, content),
	}}
}

// submitAll submits a multiplication as part of a batch.
func (b *testBundle) submitAll(c *jobs.Client, x, y jobs.Operand) (id uuid.UUID) {
	b.t.Helper()
	order, err := c.NewBatch(identity.DefaultTenant, 1).NewOrder(jobs.Submission{
		A:        x,
		B:        y,
		Priority: jobs.DefaultPriority,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	err = b.own().InTx(b.t.Context(), func(tx *store.TenantTx) error {
		accepted, err := c.SubmitAllTx(b.t.Context(), tx, []jobs.Order{order})
		if err == nil {
			id, err = accepted[0].ID, accepted[0].Err
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// TestWebhookRotation: for a day a message has two signatures, by the new secret and by the one before.
func TestWebhookRotation(t *testing.T) {
	b := setup(t)
	r := receive(t)
	w, first := b.hook(r.URL)
	_, second, err := webhooks.Rotate(t.Context(), b.own(), w.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := b.leads()
	b.submit(c, 3, 2, 3)
	m := r.next(t)
	for name, secret := range map[string]webhook.Secret{"the one before": first, "the new one": second} {
		if err := verify([]string{secret.Text()}, m.header, m.body, time.Now()); err != nil {
			t.Errorf("by %s: %v", name, err)
		}
	}
	b.exec("UPDATE webhooks SET old_secret_until = now()")
	b.submit(c, 3, 2, 3)
	m = r.next(t)
	if verify([]string{first.Text()}, m.header, m.body, time.Now()) == nil {
		t.Error("the secret before signs after its time")
	}
	if err := verify([]string{second.Text()}, m.header, m.body, time.Now()); err != nil {
		t.Errorf("by the new one: %v", err)
	}
}

// TestWebhookAddresses: what is not public is not called, by whatever name, unless it is allowed, and a certificate
// that is not valid is not trusted.
func TestWebhookAddresses(t *testing.T) {
	t.Parallel()
	plain := receive(t)
	secure := httptest.NewUnstartedServer(plain)
	secure.Config.ErrorLog = log.New(t.Output(), "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	named := strings.NewReplacer("127.0.0.1", "localhost")
	for _, test := range []struct {
		url     string
		allowed []netip.Prefix
		want    string // "" for a message that is taken
	}{
		{plain.URL, loopback, ""},
		{plain.URL, nil, "refused"},
		{secure.URL, nil, "refused"},
		{named.Replace(plain.URL), nil, "refused"},
		{named.Replace(secure.URL), nil, "refused"},
		{secure.URL, loopback, "certificate"},
		{strings.Replace(plain.URL, "http:", "https:", 1), loopback, "TLS"},
		{"http://127.0.0.1:1/", loopback, "refused the connection"},
		{"http://name.invalid/", loopback, "not found"},
	} {
		s := webhook.NewSender(test.allowed, &tls.Config{MinVersion: tls.VersionTLS12})
		_, err := s.Send(t.Context(), test.url, webhook.Message{State: "completed"}, nil)
		if err == nil && test.want != "" || err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s, with %v allowed: %v, want %q", test.url, test.allowed, err, test.want)
		}
	}
	if n := len(plain.got); n != 1 {
		t.Errorf("the receiver got %d messages, want the one that is allowed", n)
	}
}

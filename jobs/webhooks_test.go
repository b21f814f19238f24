package jobs_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/deliver"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/webhooks"
	"github.com/millrace/millrace/webhook"
)

// loopback is what the tests' receivers listen on.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// leads returns a client that works, leads, and sends to receivers on this machine.
func (b *testBundle) leads() *jobs.Client {
	b.t.Helper()
	c := b.client(queue.Config{
		Work:     true,
		Lead:     true,
		Lease:    time.Second,
		Webhooks: deliver.Config{Allow: loopback, Poll: 60 * time.Millisecond},
	})
	if err := c.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// message is what a receiver was sent.
type message struct {
	header http.Header
	body   []byte
}

// receiver is a real HTTP server that responds as it is told, with 200 when it was told nothing more.
type receiver struct {
	*httptest.Server
	got     chan message
	respond chan http.HandlerFunc
}

// status responds with a status.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func receive(t *testing.T, responses ...http.HandlerFunc) *receiver {
	r := &receiver{got: make(chan message, 100), respond: make(chan http.HandlerFunc, 100)}
	for _, f := range responses {
		r.respond <- f
	}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.got <- message{request.Header, body}
	select {
	case f := <-r.respond:
		f(w, request)
	default:
	}
}

// next returns the next message.
func (r *receiver) next(t *testing.T) message {
	t.Helper()
	select {
	case m := <-r.got:
		return m
	case <-time.After(waitTimeout):
		t.Fatal("the receiver got no message")
		return message{}
	}
}

// hook makes a webhook of the default tenant.
func (b *testBundle) hook(url string, states ...string) (webhooks.Webhook, webhook.Secret) {
	b.t.Helper()
	w, secret, err := webhooks.Create(b.t.Context(), b.own(), webhooks.Order{
		URL:    url,
		States: states,
		Small:  true,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return w, secret
}

func (b *testBundle) own() store.Tenant { return b.store.For(identity.DefaultTenant) }

// deliveries returns those of a webhook, the newest first.
func (b *testBundle) deliveries(w webhooks.Webhook) []webhooks.Delivery {
	b.t.Helper()
	list, err := webhooks.Page(b.t.Context(), b.own(), w.ID, "", 1<<62, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

// untilDelivery waits for a condition on the newest delivery of a webhook.
func (b *testBundle) untilDelivery(
	w webhooks.Webhook, what string, condition func(webhooks.Delivery) bool,
) webhooks.Delivery {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), waitTimeout)
	defer cancel()
	for {
		list := b.deliveries(w)
		if len(list) > 0 && condition(list[0]) {
			return list[0]
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			b.t.Fatalf("no delivery is ever %s: %+v", what, list)
		}
	}
}

func attempts(n int) func(webhooks.Delivery) bool {
	return func(d webhooks.Delivery) bool { return d.Attempts >= n }
}

func in(state string) func(webhooks.Delivery) bool {
	return func(d webhooks.Delivery) bool { return d.State == state }
}

// hurry has the next attempts at all deliveries begin now.
func (b *testBundle) hurry() {
	b.t.Helper()
	b.untilCount(0, "SELECT count(*) FROM river_job WHERE kind = 'deliver_webhook' AND state = 'running'")
	b.exec("UPDATE river_job SET scheduled_at = now(), state = 'available' WHERE kind = 'deliver_webhook' AND finalized_at IS NULL")
}

// TestWebhook: a receiver is told of each end, in a message that it can verify.
func TestWebhook(t *testing.T) {
	b := setup(t)
	r := receive(t)
	w, secret := b.hook(r.URL)
	c := b.leads()
	ends := map[string]uuid.UUID{"completed": b.submit(c, 3, 2, 3)}
	first := r.next(t)
	ends["cancelled"] = b.submit(b.client(queue.Config{}), 3000, 3000, 3000)
	if err := b.cancel(c, ends["cancelled"]); err != nil {
		t.Fatal(err)
	}
	for state, m := range map[string]message{"completed": first, "cancelled": r.next(t)} {
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
	b.untilDelivery(w, "delivered", in(webhooks.Delivered))
	for _, d := range b.deliveries(w) {
		if d.State != webhooks.Delivered || d.Attempts != 1 || d.Status != 200 || d.Multiplication != ends[d.EndedAs] {
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
	if _, err := small(); err != nil {
		t.Fatalf("without a webhook: %v, want that it is inline", err)
	}
	r := receive(t)
	w, _ := b.hook(r.URL, "completed")
	if _, err := small(); !errors.Is(err, jobs.ErrNotInline) { // the statement says so, when the process does not know yet
		t.Errorf("with a webhook that tells of it: %v, want %v", err, jobs.ErrNotInline)
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
		Digest:  store.Digest(shape, content),
	}}
}

// submitAll submits a multiplication as part of a batch.
func (b *testBundle) submitAll(c *jobs.Client, x, y jobs.Operand) (id uuid.UUID) {
	b.t.Helper()
	order, err := c.NewOrder(identity.DefaultTenant, jobs.Submission{
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

// TestWebhookFailures: whatever a receiver does, a message is tried again, later and later, until it is taken; it is the
// same message, and what the receiver did is told without what is behind it.
func TestWebhookFailures(t *testing.T) {
	b := setup(t)
	huge := func(w http.ResponseWriter, _ *http.Request) {
		for range 1 << 20 { // a client that reads all of it does not end
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	elsewhere := receive(t)
	redirect := func(w http.ResponseWriter, request *http.Request) {
		http.Redirect(w, request, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	failures := []struct {
		respond http.HandlerFunc
		want    string
	}{
		{status(http.StatusInternalServerError), "responded with 500"},
		{reset, "closed the connection without a response"},
		{redirect, "redirects are not followed"},
		{status(http.StatusTooManyRequests), "responded with 429"},
	}
	r := receive(t)
	for _, f := range failures {
		r.respond <- f.respond
	}
	r.respond <- huge
	w, secret := b.hook(r.URL)
	c := b.leads()
	b.submit(c, 3, 2, 3)
	first := r.next(t)
	var pause time.Duration
	for i, f := range failures {
		d := b.untilDelivery(w, "tried", attempts(i+1))
		if !strings.Contains(d.Error, f.want) || strings.Contains(d.Error, "127.0.0.1") || d.State != webhooks.Pending {
			t.Errorf("attempt %d: got %+v, want that it is pending because of %q", i+1, d, f.want)
		}
		if next := d.NextAt.Sub(*d.AttemptedAt); next <= pause {
			t.Errorf("the pause after attempt %d is %s, want more than the one before, %s", i+1, next, pause)
		} else {
			pause = next
		}
		b.hurry()
		m := r.next(t)
		if m.header.Get("webhook-id") != first.header.Get("webhook-id") || string(m.body) != string(first.body) {
			t.Errorf("attempt %d sent %s, want the same as before, %s", i+2, m.body, first.body)
		}
		if err := verify([]string{secret.Text()}, m.header, m.body, time.Now()); err != nil {
			t.Error(err)
		}
	}
	b.untilDelivery(w, "delivered", in(webhooks.Delivered))
	if got, err := webhooks.Get(t.Context(), b.own(), w.ID); err != nil || got.FailingSince != nil {
		t.Errorf("Get() = %+v, %v, want that it does not fail any more", got, err)
	}
	if len(elsewhere.got) > 0 {
		t.Error("a redirect was followed")
	}
}

// TestWebhookThatGivesUp: the last attempt ends a delivery, which can be replayed then; a receiver that is gone, or has
// failed for long, gets nothing more until it is enabled.
func TestWebhookThatGivesUp(t *testing.T) {
	b := setup(t)
	r := receive(t, status(http.StatusBadGateway), status(http.StatusOK), status(http.StatusGone))
	w, _ := b.hook(r.URL)
	idle := b.client(queue.Config{})
	b.submit(idle, 3, 2, 3)
	b.exec("UPDATE multiplications SET state = 'completed', finished_at = now(), tiles_completed = tiles_total")
	b.exec("UPDATE webhook_deliveries SET attempts = 9")
	b.leads()
	d := b.untilDelivery(w, "given up", in(webhooks.Failed))
	if d.Attempts != 10 || d.Status != http.StatusBadGateway || d.NextAt != nil {
		t.Errorf("got %+v, want that it was given up after 10 attempts", d)
	}
	replay := func() error {
		_, err := webhooks.Replay(t.Context(), b.own(), w.ID, d.ID)
		return err
	}
	if _, err := webhooks.Replay(t.Context(), b.store.For(identity.DefaultTenant+1), w.ID, d.ID); err == nil {
		t.Error("another tenant replays the delivery")
	}
	if err := replay(); err != nil {
		t.Fatal(err)
	}
	d = b.untilDelivery(w, "delivered", in(webhooks.Delivered))
	if d.Attempts != 11 || d.Tries != 1 || d.Error != "" {
		t.Errorf("got %+v, want that the eleventh attempt has succeeded", d)
	}
	if err := replay(); err != nil { // of one that was delivered
		t.Fatal(err)
	}
	d = b.untilDelivery(w, "gone", in(webhooks.Failed))
	disabled, err := webhooks.Get(t.Context(), b.own(), w.ID)
	if err != nil || disabled.DisabledAt == nil || !strings.Contains(disabled.DisabledBecause, "410") {
		t.Errorf("got %+v, %v after a 410, want that it is disabled", disabled, err)
	}
	if err := replay(); !errors.Is(err, webhooks.ErrNotReplayed) {
		t.Errorf("Replay() = %v while the webhook is disabled, want %v", err, webhooks.ErrNotReplayed)
	}
	before := len(b.deliveries(w))
	b.ends(b.submit(idle, 3, 2, 3), jobs.Completed)
	if n := len(b.deliveries(w)); n != before {
		t.Errorf("a webhook that is disabled has %d deliveries, want %d", n, before)
	}
	if _, err := webhooks.Enable(t.Context(), b.own(), w.ID); err != nil {
		t.Fatal(err)
	}
	b.exec("UPDATE webhooks SET failing_since = now() - interval '6 days'")
	r.respond <- status(http.StatusBadGateway)
	b.ends(b.submit(idle, 3, 2, 3), jobs.Completed)
	b.untilDelivery(w, "tried", func(d webhooks.Delivery) bool { return d.Status == http.StatusBadGateway && d.Attempts == 1 })
	disabled, err = webhooks.Get(t.Context(), b.own(), w.ID)
	if err != nil || !strings.Contains(disabled.DisabledBecause, "days") {
		t.Errorf("got %+v, %v after six days of failures, want that it is disabled", disabled, err)
	}
	b.hurry()
	b.untilDelivery(w, "dropped", in(webhooks.Failed))
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

// TestWebhookAddresses: what is not public is not called, by whatever name, unless it is allowed, and a certificate that
// is not valid is not trusted.
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

package jobs_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

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
func (b *testBundle) leads() *jobs.Client { return b.sends(deliver.DefaultConcurrency) }

// sends is leads with a concurrency.
func (b *testBundle) sends(concurrency int) *jobs.Client {
	b.t.Helper()
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
		Webhooks: deliver.Config{
			Concurrency: concurrency,
			Allow:       loopback,
			Poll:        60 * time.Millisecond,
		},
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
	url    string // the path and the parameters
}

// receiver is a real HTTP server that responds as it is told, with 200 when it was told nothing more.
type receiver struct {
	*httptest.Server
	got     chan message
	respond chan http.HandlerFunc
	always  http.HandlerFunc // when there is nothing in respond; may be nil
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
	r.got <- message{
		header: request.Header,
		body:   body,
		url:    request.RequestURI,
	}
	select {
	case f := <-r.respond:
		f(w, request)
	default:
		if r.always != nil {
			r.always(w, request)
		}
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

package jobs_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store/webhooks"
)

// TestWebhookFailures: whatever a receiver does, a message is tried again, later and later, until it is taken; it is
// the same message, and what the receiver did is told without what is behind it.
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

// TestSlowReceiver: a receiver that does not respond holds up neither multiplications nor messages to another one.
func TestSlowReceiver(t *testing.T) {
	b := setup(t)
	release := make(chan struct{})
	slow := receive(t)
	slow.always = func(http.ResponseWriter, *http.Request) { <-release }
	fast := receive(t)
	b.hook(slow.URL)
	b.hook(fast.URL)
	c := b.sends(2)
	t.Cleanup(func() { close(release) }) // before the receiver, and what sends to it, wait for the response
	const n = 4
	for range n {
		b.ends(b.submit(c, 3, 2, 3), jobs.Completed)
	}
	for range n {
		fast.next(t)
	}
	slow.next(t)
	if len(slow.got) > 0 {
		t.Error("the receiver got a second message while the first was under way, want one at a time of two")
	}
}

package deliver

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"go.opentelemetry.io/otel/attribute"

	"github.com/millrace/millrace/internal/tracing"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/webhooks"
	"github.com/millrace/millrace/webhook"
)

// pauses are the times between the attempts at a delivery, those of the specification: three days in all.
var pauses = []time.Duration{
	5 * time.Second,
	5 * time.Minute,
	30 * time.Minute,
	2 * time.Hour,
	5 * time.Hour,
	10 * time.Hour,
	14 * time.Hour,
	20 * time.Hour,
	24 * time.Hour,
}

// jitter is the largest part that is added to a pause: messages that failed together do not come back together.
const jitter = 0.1

// pauseAfter returns the pause after an attempt, which counts from 1; 0 after the last one.
func pauseAfter(attempt int) time.Duration {
	if attempt > len(pauses) {
		return 0
	}
	pause := pauses[max(0, attempt-1)]
	return pause + time.Duration(rand.Float64()*jitter*float64(pause)) //nolint:gosec // jitter is no secret
}

const (
	// attemptTimeout bounds an attempt with the statements around it.
	attemptTimeout = webhook.Timeout + 30*time.Second
	// recordTimeout bounds how long it takes to write down what has become of an attempt.
	recordTimeout = 10 * time.Second
	// slowPause is how long a message waits whose receiver has as many as it may have: between one and two of it.
	slowPause = 2 * time.Second
)

// args names a delivery.
type args struct {
	DeliveryID uuid.UUID `json:"delivery_id"`
}

// Kind implements river.JobArgs.
func (args) Kind() string { return "deliver_webhook" }

// worker sends messages. The attempts are counted in the rows of the deliveries: a pause is a snooze of the job, and an
// error of the job is one of Millrace's.
type worker struct {
	river.WorkerDefaults[args]
	room *Room
}

// Timeout implements river.Worker.
func (*worker) Timeout(*river.Job[args]) time.Duration { return attemptTimeout }

// Work implements river.Worker. A message may be sent twice, when the process ends before it has written that it was
// sent: receivers know it by its id.
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	r := w.room
	due, err := webhooks.GetDue(ctx, r.store, job.Args.DeliveryID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case store.Unavailable(err):
		return river.JobSnooze(slowPause)
	case err != nil:
		return err
	case due.Disabled:
		return webhooks.Drop(ctx, r.store, due.ID, "the webhook is disabled")
	}
	if !r.slots.take(due.Webhook) {
		r.metrics.putOff.Inc()
		return river.JobSnooze(slowPause + rand.N(slowPause)) //nolint:gosec // jitter is no secret
	}
	attempt, err := r.send(ctx, due)
	r.slots.release(due.Webhook)
	if err != nil {
		return err
	}
	return r.record(ctx, due, attempt)
}

// send sends the message once. An error is not about the receiver: the process stops.
func (r *Room) send(ctx context.Context, due webhooks.Due) (webhooks.Attempt, error) {
	began := time.Now()
	status, err := r.sender.Send(ctx, due.URL, webhook.Message{
		ID:             due.ID,
		Multiplication: due.Multiplication,
		State:          due.EndedAs,
		At:             due.EndedAt,
	}, due.Secrets)
	if ctx.Err() != nil && err != nil {
		return webhooks.Attempt{}, ctx.Err()
	}
	trace(ctx, due, status, err)
	r.metrics.seconds.Observe(time.Since(began).Seconds())
	attempt := webhooks.Attempt{Status: status}
	if err != nil {
		attempt.Error = err.Error()
		attempt.Gone = errors.Is(err, webhook.ErrGone)
		if !attempt.Gone {
			attempt.Pause = pauseAfter(due.Tries + 1)
		}
	}
	r.metrics.attempts.WithLabelValues(outcomeOf(status, err)).Inc()
	return attempt, nil
}

// trace adds to the span of an attempt what it was about, and how the receiver has responded. The url may have secrets.
func trace(ctx context.Context, due webhooks.Due, status int, err error) {
	span := tracing.Of(ctx)
	if !span.On() {
		return
	}
	span.Set(
		attribute.String("millrace.multiplication.id", due.Multiplication.String()),
		attribute.String("millrace.webhook.id", due.Webhook.String()),
		attribute.String("millrace.delivery.id", due.ID.String()),
		attribute.Int("http.response.status_code", status),
	)
	span.Fail(err)
}

// record writes what has become of an attempt, also after an order to stop, and returns what River is told: a pause, or
// nil when it was the last attempt.
func (r *Room) record(ctx context.Context, due webhooks.Due, a webhooks.Attempt) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	disabled, err := webhooks.Record(ctx, r.store, due.Delivery, a)
	if err != nil {
		if store.Unavailable(err) { // it is sent again: better twice than never
			return river.JobSnooze(slowPause)
		}
		return err
	}
	if disabled {
		r.metrics.disabled.Inc()
		r.log.WarnContext(ctx, "a webhook was disabled", "webhook", due.Webhook, "status", a.Status, "error", a.Error)
	}
	switch {
	case a.Pause > 0:
		return river.JobSnooze(a.Pause)
	case a.Error != "":
		r.metrics.ended.WithLabelValues(webhooks.Failed).Inc()
		r.log.InfoContext(ctx, "a message of a webhook was given up", "webhook", due.Webhook, "delivery", due.ID,
			"multiplication", due.Multiplication, "attempts", due.Attempts+1, "error", a.Error)
	default:
		r.metrics.ended.WithLabelValues(webhooks.Delivered).Inc()
	}
	return nil
}

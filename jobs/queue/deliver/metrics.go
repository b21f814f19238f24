package deliver

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/millrace/millrace/store/webhooks"
	"github.com/millrace/millrace/webhook"
)

// The outcomes of an attempt at a delivery.
const (
	taken      = "taken"       // a status 2xx
	refused    = "refused"     // any other status
	noResponse = "no_response" // none: no host, no connection, no certificate, or not in time
	notAllowed = "not_allowed" // the address is not to be called
)

type metrics struct {
	attempts *prometheus.CounterVec // by outcome
	ended    *prometheus.CounterVec // deliveries, by state
	seconds  prometheus.Histogram
	putOff   prometheus.Counter
	disabled prometheus.Counter
	overdue  prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) metrics {
	factory := promauto.With(registry)
	m := metrics{
		attempts: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_webhook_attempts_total",
			Help: "Attempts to send a message of a webhook, by what the receiver did.",
		}, []string{"outcome"}),
		ended: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_webhook_deliveries_total",
			Help: "Messages of webhooks that are not tried any more, by whether the receiver has taken them.",
		}, []string{"state"}),
		seconds: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "millrace_webhook_attempt_seconds",
			Help:    "How long attempts to send a message of a webhook took.",
			Buckets: []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 15},
		}),
		putOff: factory.NewCounter(prometheus.CounterOpts{
			Name: "millrace_webhook_put_off_total",
			Help: "How often a message of a webhook had to wait because its receiver was slow with others.",
		}),
		disabled: factory.NewCounter(prometheus.CounterOpts{
			Name: "millrace_webhook_disabled_total",
			Help: "Webhooks that were disabled because their receivers are gone or have failed for days.",
		}),
		overdue: factory.NewGauge(prometheus.GaugeOpts{
			Name: "millrace_webhook_overdue",
			Help: "Messages of webhooks that wait although they were to be sent more than a minute ago.",
		}),
	}
	for _, outcome := range []string{taken, refused, noResponse, notAllowed} {
		m.attempts.WithLabelValues(outcome)
	}
	for _, state := range []string{webhooks.Delivered, webhooks.Failed} {
		m.ended.WithLabelValues(state)
	}
	return m
}

func outcomeOf(status int, err error) string {
	switch {
	case err == nil:
		return taken
	case errors.Is(err, webhook.ErrRefused):
		return notAllowed
	case status == 0:
		return noResponse
	}
	return refused
}

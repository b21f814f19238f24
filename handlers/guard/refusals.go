package guard

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/millrace/millrace/internal/logs"
)

// Reason says why a request or a connection is refused.
type Reason string

// The reasons.
const (
	OtherSite         Reason = "other_site"         // a browser sent it for a page of another site
	OtherHost         Reason = "other_host"         // it names a host that is not this machine
	Connections       Reason = "connections"        // too many connections in all
	ClientConnections Reason = "client_connections" // too many connections of one client
	Waiting           Reason = "waiting"            // too many requests that wait, in all
	ClientWaiting     Reason = "client_waiting"     // too many requests of one client that wait
	Token             Reason = "token"              // its key or token is not valid
	Memory            Reason = "memory"             // too many large transfers
	Space             Reason = "space"              // no room in the block store
	Database          Reason = "database"           // the database is unavailable
	Backlog           Reason = "backlog"            // too much work is queued
	StoredBytes       Reason = "quota_stored_bytes" // the tenant has stored too much
	QueuedWork        Reason = "quota_queued_work"  // the tenant has queued too much
	TenantRequests    Reason = "quota_requests"     // the tenant sends too many requests
)

// Refusals counts what is refused, and logs at most one line a second for each reason. A nil Refusals does neither.
type Refusals struct {
	log   *logs.Limited
	total *prometheus.CounterVec
}

// NewRefusals returns a Refusals with a metric in registry, which may be nil.
func NewRefusals(registry prometheus.Registerer, log *slog.Logger) *Refusals {
	r := &Refusals{
		log: logs.NewLimited(log),
		total: promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_http_refused_total",
			Help: "Requests and connections that were refused to protect the service, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range []Reason{
		OtherSite,
		OtherHost,
		Connections,
		ClientConnections,
		Waiting,
		ClientWaiting,
		Token,
		Memory,
		Space,
		Database,
		Backlog,
		StoredBytes,
		QueuedWork,
		TenantRequests,
	} {
		r.total.WithLabelValues(string(reason))
	}
	return r
}

// Note counts a refusal, and logs it with attributes. Texts of clients among them are logs.Text.
func (r *Refusals) Note(ctx context.Context, reason Reason, args ...any) {
	if r == nil {
		return
	}
	r.total.WithLabelValues(string(reason)).Inc()
	args = append([]any{"reason", reason}, args...)
	r.log.Log(ctx, slog.LevelWarn, string(reason), "request refused", args...)
}

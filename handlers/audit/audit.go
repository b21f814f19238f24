// Package audit writes what administrators have done, and what was deleted: a line of the log for each act,
// with the attribute log=audit.
package audit

import (
	"context"
	"log/slog"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/logs"
)

// Outcome is what has become of an act.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Refused Outcome = "refused" // it was not allowed
	Failed  Outcome = "failed"  // it was allowed, and there was another error
)

// Act is what was done, or tried.
type Act struct {
	Action  string // in words of the program: a route, or a command
	On      string // what it was about: a path, an id, a name
	Content string // what of the request tells more, if that is needed
	Client  string // the address that it came from; empty for a command on the machine of the database
	Outcome Outcome
	Reason  string // why it was not done
}

// Log writes acts. A nil Log writes nothing.
type Log struct {
	log     *slog.Logger
	limited *logs.Limited
}

// New returns a Log that writes to log.
func New(log *slog.Logger) *Log {
	log = log.With("log", "audit")
	return &Log{log: log, limited: logs.NewLimited(log)}
}

// Note writes an act of the principal in ctx. What was not done is written at most once a second for each action, since
// any client can cause it; the next line says how many were left out.
func (l *Log) Note(ctx context.Context, a Act) {
	if l == nil {
		return
	}
	principal := identity.From(ctx)
	args := []any{
		"action", logs.Text(a.Action),
		"by", logs.Text(principal.Name),
		"tenant", principal.Tenant,
		"client", logs.Text(a.Client),
		"on", logs.Text(a.On),
		"outcome", a.Outcome,
	}
	if a.Content != "" {
		args = append(args, "content", logs.Text(a.Content))
	}
	if a.Reason != "" {
		args = append(args, "reason", logs.Text(a.Reason))
	}
	if a.Outcome == Done {
		l.log.InfoContext(ctx, "act", args...)
		return
	}
	l.limited.Log(ctx, slog.LevelWarn, a.Action, "act", args...)
}

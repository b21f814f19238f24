// Package outlooks says what unfinished multiplications wait for.
package outlooks

import (
	"context"
	"time"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue/line"
)

// Of returns what a multiplication waits for, as far as can be told. It costs nothing for one that has finished, and is
// nil for it. For others it looks at what the process has read of the line lately.
func Of(ctx context.Context, l *line.Keeper, m jobs.Multiplication) *resource.Outlook {
	if m.State.Final() {
		return nil
	}
	var o resource.Outlook
	if m.Progress.Retrying > 0 {
		if next := m.Progress.Next.UTC(); next.After(time.Unix(0, 0)) {
			o.NextAttempt = &next
		}
		if len(m.Errors) > 0 {
			o.LastError = resource.Bounded(m.Errors[0].Message)
		}
	}
	e, ok := l.EstimateSmall()
	if !m.Plan.Small() {
		e, ok = l.Estimate(ctx, m.ID)
	}
	if ok {
		o.TilesAhead = e.Ahead
	}
	if ok && !e.End.IsZero() {
		start, end := e.Start.UTC(), e.End.UTC()
		o.EstimatedStart = &start
		o.EstimatedEnd = &end
	}
	return &o
}

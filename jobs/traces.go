package jobs

import (
	"context"

	"github.com/millrace/millrace/internal/tracing"
	"github.com/millrace/millrace/jobs/measure"
)

// trace adds to the span of a context which multiplication it is about.
func trace(ctx context.Context, m Multiplication) {
	measure.Trace(ctx, m.ID, m.Tenant, m.Plan.M, m.Plan.K, m.Plan.N)
}

// traceSubmission ends the span of the submission of one multiplication.
func traceSubmission(ctx context.Context, span tracing.Span, m Multiplication, err error) {
	if err == nil {
		trace(ctx, m)
	}
	measure.TraceSubmission(span, queueOf(m.Plan), 1, m.TilesTotal, err)
}

package measure

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/tracing"
	"github.com/millrace/millrace/matrix/tile"
)

// multiplicationID is the attribute of spans by which those of a multiplication are found.
const multiplicationID = "millrace.multiplication.id"

// Trace adds to the span of a context which multiplication it is about.
func Trace(ctx context.Context, id uuid.UUID, tenant identity.TenantID, m, k, n int64) {
	span := tracing.Of(ctx)
	if !span.On() {
		return
	}
	span.Set(
		attribute.String(multiplicationID, id.String()),
		attribute.Int("millrace.tenant", int(tenant)),
		attribute.Int64("millrace.m", m),
		attribute.Int64("millrace.k", k),
		attribute.Int64("millrace.n", n),
	)
}

// TraceSubmission ends the span of a submission.
func TraceSubmission(span tracing.Span, queue string, multiplications int, tiles int64, err error) {
	if !span.On() {
		return
	}
	span.Set(
		attribute.String("millrace.queue", queue),
		attribute.Int("millrace.multiplications", multiplications),
		attribute.Int64("millrace.tiles", tiles),
	)
	span.End(err)
}

// traceTile adds to the span of a context what a tile has cost.
func traceTile(ctx context.Context, s tile.Stats) {
	span := tracing.Of(ctx)
	if !span.On() {
		return
	}
	span.Set(
		attribute.Float64("millrace.flops", s.FLOPs),
		attribute.Float64("millrace.kernel_seconds", s.Kernel.Seconds()),
		attribute.Float64("millrace.read_wait_seconds", s.Waiting.Seconds()),
		attribute.Float64("millrace.check_seconds", s.Checking.Seconds()),
	)
}

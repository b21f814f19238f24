package measure

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/tracing"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
)

// multiplicationID is the attribute of spans by which those of a multiplication are found.
const multiplicationID = "millrace.multiplication.id"

// Trace adds to the span of a context which multiplication it is about.
func Trace(ctx context.Context, m store.Multiplication) { describe(tracing.Of(ctx), m.TenantID, m) }

func describe(span tracing.Span, tenant identity.TenantID, m store.Multiplication) {
	if !span.On() {
		return
	}
	span.Set(
		attribute.String(multiplicationID, m.ID.String()),
		attribute.Int("millrace.tenant", int(tenant)),
		attribute.Int64("millrace.m", m.M),
		attribute.Int64("millrace.k", m.K),
		attribute.Int64("millrace.n", m.N),
	)
}

// TraceSubmission ends the span of a submission.
func TraceSubmission(span tracing.Span, tenant identity.TenantID, m store.Multiplication, err error) {
	if !span.On() {
		return
	}
	if err == nil {
		describe(span, tenant, m)
	}
	name := queue.Tiles
	if m.Plan().Small() {
		name = queue.Small
	}
	span.Set(attribute.String("millrace.queue", name), attribute.Int64("millrace.tiles", m.TilesTotal))
	span.End(err)
}

// TraceOffers ends the span of a submission of inline multiplications.
func TraceOffers(span tracing.Span, offers []queue.Offer, errs []error) {
	if !span.On() {
		return
	}
	if len(offers) == 1 {
		o := offers[0]
		describe(span, o.TenantID, store.Multiplication{
			ID: o.ID,
			M:  o.M,
			K:  o.K,
			N:  o.N,
		})
	}
	span.Set(attribute.String("millrace.queue", queue.Small), attribute.Int("millrace.multiplications", len(offers)))
	span.End(errors.Join(errs...))
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

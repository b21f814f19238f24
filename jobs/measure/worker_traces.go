package measure

import (
	"context"
	"encoding/json"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"

	"github.com/millrace/millrace/internal/tracing"
)

// Middleware returns what observes each attempt at a job: metrics, and traces if there is a tracer.
func Middleware(a *Attempts, tracer *tracing.Tracer) []rivertype.Middleware {
	if tracer == nil {
		return []rivertype.Middleware{a}
	}
	return []rivertype.Middleware{&traces{tracer: tracer, attempts: a}, a}
}

// traces begins a trace for each attempt at a job, which leads to the submission.
type traces struct {
	river.MiddlewareDefaults
	tracer   *tracing.Tracer
	attempts *Attempts
}

// Work implements rivertype.WorkerMiddleware.
func (t *traces) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	var metadata struct {
		Origin string `json:"traceparent"`
	}
	_ = json.Unmarshal(job.Metadata, &metadata) // without it there is no link
	ctx, span := t.tracer.Job(ctx, job.Kind, metadata.Origin, attributesOf(job)...)
	err := errPanicked
	defer func() {
		outcome := t.attempts.outcome(ctx, job, err)
		span.Set(attribute.String("millrace.outcome", outcome))
		if outcome != outcomeRetried && outcome != outcomeFailed {
			span.End(nil)
			return
		}
		span.End(err)
	}()
	err = work(ctx)
	return err
}

// attributesOf returns what is told of an attempt: what Subject logs.
func attributesOf(job *rivertype.JobRow) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		attribute.Int64("millrace.job.id", job.ID),
		attribute.String("millrace.queue", job.Queue),
		attribute.Int("millrace.attempt", job.Attempt),
	}
	switch about := subjectOf(job); {
	case about.Multiplication != nil:
		attrs = append(attrs, attribute.String(multiplicationID, about.Multiplication.String()),
			attribute.Int64("millrace.tile", about.Tile))
	case about.First != nil && about.Last != nil:
		attrs = append(attrs, attribute.String("millrace.bundle.first", about.First.String()),
			attribute.String("millrace.bundle.last", about.Last.String()))
	}
	return attrs
}

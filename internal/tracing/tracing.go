// Package tracing is all that the service knows of OpenTelemetry: spans below the one that a context has, and what
// leads from a job to the submission of its multiplication. Where nothing is recorded, each of its functions does
// nothing and allocates nothing. Package server/telemetry decides what is recorded, and where it is sent.
package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/millrace/millrace/internal/told"
)

// Scope is the name of the instrumentation.
const Scope = "github.com/millrace/millrace"

// Span is a part of a trace; the zero value is none, and does nothing.
type Span struct{ span trace.Span }

// Of returns the span of a context.
func Of(ctx context.Context) Span {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return Span{span}
	}
	return Span{}
}

// Start begins a span below the one of a context.
func Start(ctx context.Context, name string) (context.Context, Span) {
	above := Of(ctx)
	if !above.On() {
		return ctx, above
	}
	ctx, span := above.span.TracerProvider().Tracer(Scope).Start(ctx, name)
	return ctx, Span{span}
}

// On reports whether the span is recorded. Attributes are to be made only if it is: they take memory.
func (s Span) On() bool { return s.span != nil }

// Name replaces the name of the span, when it is known what it is about.
func (s Span) Name(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// Set adds attributes.
func (s Span) Set(attrs ...attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(attrs...)
	}
}

// Fail says that what the span is about has failed. It has the text for clients, which names nothing of the server.
func (s Span) Fail(err error) {
	if s.span != nil && err != nil {
		s.span.SetStatus(codes.Error, told.ForClients(err).Error())
	}
}

// End ends the span, with an error if there is one.
func (s Span) End(err error) {
	if s.span != nil {
		s.Fail(err)
		s.span.End()
	}
}

type originKey struct{}

// WithOrigin returns a context whose origin is given: that of the job which it is of.
func WithOrigin(ctx context.Context, origin string) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// Origin returns what leads from jobs to the span below which they are enqueued, in the form of a traceparent: that of
// the submission. It is "" where nothing is recorded.
func Origin(ctx context.Context) string {
	if !Of(ctx).On() {
		return ""
	}
	if origin, ok := ctx.Value(originKey{}).(string); ok {
		return origin
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get(traceparent)
}

const traceparent = "traceparent"

// Inject has a request to another server say of which span it is part, if that is recorded.
func Inject(ctx context.Context, header http.Header) {
	if Of(ctx).On() {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
	}
}

// separator is between several origins.
const separator = ","

// Join returns the origins of a job of several.
func Join(origins []string) string { return strings.Join(origins, separator) }

// Links returns links to the origins of a job, without those that are malformed.
func Links(origins string) []trace.Link {
	var links []trace.Link
	for origin := range strings.SplitSeq(origins, separator) {
		carrier := propagation.MapCarrier{traceparent: origin}
		//house:ignore bound nothing waits here; the context carries what was read
		ctx := propagation.TraceContext{}.Extract(context.Background(), carrier)
		if span := trace.SpanContextFromContext(ctx); span.IsValid() {
			links = append(links, trace.Link{SpanContext: span})
		}
	}
	return links
}

// Tracer begins traces.
type Tracer struct {
	sampled trace.Tracer // as the sampler says
	always  trace.Tracer
}

// NewTracer returns a Tracer. What belongs to a trace that is recorded is recorded by always.
func NewTracer(sampled, always trace.TracerProvider) *Tracer {
	return &Tracer{sampled: sampled.Tracer(Scope), always: always.Tracer(Scope)}
}

// Request begins the span of a request that a server has received: below the one that it comes with, if it does.
func (t *Tracer) Request(
	ctx context.Context, headers propagation.TextMapCarrier, name string,
) (context.Context, Span) {
	ctx = propagation.TraceContext{}.Extract(ctx, headers)
	ctx, span := t.sampled.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	return ctx, Span{span}
}

// Job begins the trace of an attempt at a job, with links to its origins. An attempt may begin hours after them, and
// there may be thousands: each is a trace of its own.
func (t *Tracer) Job(
	ctx context.Context, name, origins string, attrs ...attribute.KeyValue,
) (context.Context, Span) {
	tracer := t.sampled
	links := Links(origins)
	if len(links) > 0 {
		tracer = t.always
	}
	ctx, span := tracer.Start(ctx, name, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(links...), trace.WithAttributes(attrs...))
	return WithOrigin(ctx, origins), Span{span}
}

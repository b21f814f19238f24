// Package telemetry sends traces to an OpenTelemetry collector. The variables are those of its specification, and it is
// off unless they name an endpoint.
package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/internal/tracing"
)

// stopTimeout bounds how long the end of a process waits for a collector that does not respond.
const stopTimeout = 2 * time.Second

// errProtocol means that a protocol is configured that is not spoken.
var errProtocol = errors.New("the only protocol is http/protobuf")

// Traces is where a process sends its traces; nil where it sends none.
type Traces struct {
	tracer    *tracing.Tracer
	providers []*sdk.TracerProvider
}

// Process is what is told of a process with each trace.
type Process struct {
	Role    string
	Version string
}

// endpoint returns where traces are sent to, and "" if they are not.
func endpoint() string {
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || exporter != "" && exporter != "otlp" {
		return ""
	}
	return cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
}

// Open returns nil if the environment names no endpoint.
func Open(ctx context.Context, p Process, log *slog.Logger) (*Traces, error) {
	if endpoint() == "" {
		return nil, nil //nolint:nilnil // a nil *Traces traces nothing
	}
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
	if protocol != "" && protocol != "http/protobuf" {
		return nil, fmt.Errorf("traces: protocol %s: %w", protocol, errProtocol)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := describe(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	limited := logs.NewLimited(log)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		limited.Log(ctx, slog.LevelWarn, "traces", "traces are lost", "error", err)
	}))
	batches := sdk.NewBatchSpanProcessor(exporter) // its queue is bounded, and what finds it full is dropped
	sampled := sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSpanProcessor(batches))
	always := sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSpanProcessor(batches),
		sdk.WithSampler(sdk.AlwaysSample()))
	log.InfoContext(ctx, "traces are sent to a collector", "collector", hostOf(endpoint()))
	return &Traces{
		tracer:    tracing.NewTracer(sampled, always),
		providers: []*sdk.TracerProvider{sampled, always},
	}, nil
}

// hostOf returns the host of an address, whose other parts may have a password or a token.
func hostOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return parsed.Host
}

// describe returns what is told of the process; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last, and win. The
// command line is not told: it may have a password.
func describe(ctx context.Context, p Process) (*resource.Resource, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", "millrace"),
			attribute.String("service.version", p.Version),
			attribute.String("service.instance.id", fmt.Sprintf("%s/%d", host, os.Getpid())),
			attribute.String("host.name", host),
			attribute.String("millrace.role", p.Role),
		),
		resource.WithFromEnv(),
	)
}

// Tracer returns what begins traces; nil where none are sent.
func (t *Traces) Tracer() *tracing.Tracer {
	if t == nil {
		return nil
	}
	return t.tracer
}

// Requests returns a handler that begins a span for each request to next, which names it.
func (t *Traces) Requests(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := t.tracer.Request(r.Context(), propagation.HeaderCarrier(r.Header), "HTTP")
		defer span.End(nil)
		inner := r.WithContext(ctx)
		defer func() { r.Pattern = inner.Pattern }() // also after a panic
		next.ServeHTTP(w, inner)
	})
}

// Stop sends what has not been sent yet, unless the collector takes too long.
func (t *Traces) Stop(log *slog.Logger) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for _, provider := range t.providers {
		errs = append(errs, provider.Shutdown(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		log.Warn("the last traces are lost", "error", err)
	}
}

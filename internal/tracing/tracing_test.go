package tracing_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/millrace/millrace/internal/tracing"
)

const (
	first  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	second = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-01"
)

type key struct{ n int }

// request returns a context as deep as that of a request.
func request() context.Context {
	ctx := context.Background()
	for n := range 10 {
		ctx = context.WithValue(ctx, key{n}, n) //nolint:fatcontext // it is meant to be deep
	}
	return ctx
}

// untraced does what a submission does where nothing is recorded.
func untraced(ctx context.Context) {
	ctx, span := tracing.Start(ctx, "submit")
	if span.On() || tracing.Of(ctx).On() || tracing.Origin(ctx) != "" {
		panic("something is recorded")
	}
	span.End(nil)
}

// TestOffAllocatesNothing: where nothing is recorded, a submission takes no memory for it.
func TestOffAllocatesNothing(t *testing.T) {
	ctx := request()
	if n := testing.AllocsPerRun(100, func() { untraced(ctx) }); n != 0 {
		t.Errorf("%g allocations, want 0", n)
	}
}

func BenchmarkOff(b *testing.B) {
	ctx := request()
	b.ReportAllocs()
	for b.Loop() {
		untraced(ctx)
	}
}

// TestOrigins: what is enqueued below a span leads to it, and what a job enqueues to the origin of the job.
func TestOrigins(t *testing.T) {
	t.Parallel()
	provider := sdk.NewTracerProvider()
	none := sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample()))
	ctx, span := tracing.NewTracer(provider, provider).Job(t.Context(), "x", "")
	if got := tracing.Origin(ctx); got != "" || !span.On() {
		t.Errorf("the origin is %q, want that of the job, which has none", got)
	}
	ctx, span = tracing.NewTracer(none, none).Job(t.Context(), "x", "")
	if got := tracing.Origin(ctx); got != "" || tracing.Of(ctx).On() {
		t.Errorf("the origin is %q, want none where nothing is recorded", got)
	}
	span.End(errors.New("not recorded"))
	// A job whose submission is recorded is recorded, too, whatever the sampler says.
	ctx, _ = tracing.NewTracer(none, provider).Job(t.Context(), "x", first)
	if got := tracing.Origin(ctx); got != first || !tracing.Of(ctx).On() {
		t.Errorf("the origin is %q, want %q", got, first)
	}
}

// TestLinks: malformed origins are left out.
func TestLinks(t *testing.T) {
	t.Parallel()
	for origins, want := range map[string]int{
		"":                                    0,
		first:                                 1,
		tracing.Join([]string{first, second}): 2,
		first + ",x":                          1,
		strings.Repeat("0", 55):               0,
		"{}\x00":                              0,
	} {
		if got := tracing.Links(origins); len(got) != want {
			t.Errorf("%q has %d links, want %d", origins, len(got), want)
		}
	}
}

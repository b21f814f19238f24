package database

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Bounds bound what one statement may wait for.
type Bounds struct {
	Acquire   time.Duration // for a connection of the pool
	Statement time.Duration // for its end; 0: as long as its context
}

var (
	// usual are the bounds of statements whose context has none. River gives its own maintenance a minute a statement.
	usual = Bounds{Acquire: 30 * time.Second, Statement: time.Minute}
	// unhurried are the bounds of statements that may take long: sweeps, migrations.
	unhurried = Bounds{Acquire: 30 * time.Second}
)

type boundsKey struct{}

// WithBounds returns a context whose statements have these bounds. An earlier deadline of the context counts.
func WithBounds(ctx context.Context, b Bounds) context.Context {
	return context.WithValue(ctx, boundsKey{}, b)
}

// Unhurried returns a context whose statements may take as long as the context lets them.
func Unhurried(ctx context.Context) context.Context { return WithBounds(ctx, unhurried) }

// tracer gives each statement its bounds: the contexts that it returns are those of the statements.
type tracer struct {
	usual  Bounds
	pooler *pooler // what is between the pool and Postgres
}

// Each kind of call that can wait for the server.
var (
	_ pgx.QueryTracer       = tracer{}
	_ pgx.BatchTracer       = tracer{}
	_ pgx.CopyFromTracer    = tracer{}
	_ pgx.PrepareTracer     = tracer{}
	_ pgxpool.AcquireTracer = tracer{}
)

// bounds returns the bounds of a context.
func (t tracer) bounds(ctx context.Context) Bounds {
	if b, ok := ctx.Value(boundsKey{}).(Bounds); ok {
		return b
	}
	return t.usual
}

type cancelKey struct{}

// begin returns a context that ends after d, unless that is 0, or with end.
func begin(ctx context.Context, d time.Duration) context.Context {
	if d <= 0 {
		return context.WithValue(ctx, cancelKey{}, context.CancelFunc(func() {}))
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	return context.WithValue(ctx, cancelKey{}, cancel)
}

// end releases what begin has made, and notes the error of the call.
func end(ctx context.Context, err error) {
	if cancel, ok := ctx.Value(cancelKey{}).(context.CancelFunc); ok {
		cancel()
	}
	if o, ok := ctx.Value(outcomeKey{}).(*Outcome); ok && Unavailable(err) {
		o.unavailable.Store(true)
	}
}

// Outcome tells what became of the statements of a context, for code that hides their errors.
type Outcome struct{ unavailable atomic.Bool }

type outcomeKey struct{}

// WithOutcome returns a context, and where the outcome of its statements is noted.
func WithOutcome(ctx context.Context) (context.Context, *Outcome) {
	o := &Outcome{}
	return context.WithValue(ctx, outcomeKey{}, o), o
}

// Unavailable reports whether a statement found the database unavailable.
func (o *Outcome) Unavailable() bool { return o.unavailable.Load() }

// statement begins what waits for the server.
func (t tracer) statement(ctx context.Context) context.Context {
	return begin(ctx, t.bounds(ctx).Statement)
}

// TraceQueryStart implements pgx.QueryTracer.
func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return t.statement(ctx)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (t tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	end(ctx, data.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (t tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return t.statement(ctx)
}

// TraceBatchQuery implements pgx.BatchTracer.
func (t tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (t tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	end(ctx, data.Err)
}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (t tracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	return t.statement(ctx)
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (t tracer) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	end(ctx, data.Err)
}

// TracePrepareStart implements pgx.PrepareTracer.
func (t tracer) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	return t.statement(ctx)
}

// TracePrepareEnd implements pgx.PrepareTracer.
func (t tracer) TracePrepareEnd(ctx context.Context, _ *pgx.Conn, data pgx.TracePrepareEndData) {
	end(ctx, data.Err)
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (t tracer) TraceAcquireStart(
	ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData,
) context.Context {
	return begin(ctx, t.bounds(ctx).Acquire)
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (t tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	end(ctx, data.Err)
}

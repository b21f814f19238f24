package handlers

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// roundTrips counts what a pool sends, and can hold it up.
type roundTrips struct {
	count atomic.Int64
	gate  atomic.Pointer[gate]
}

// gate holds up round trips.
type gate struct {
	reached chan struct{} // closed when the first round trip is held up
	once    sync.Once
	open    chan struct{}
}

// hold holds up round trips until release.
func (r *roundTrips) hold() *gate {
	g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	r.gate.Store(g)
	return g
}

func (r *roundTrips) release(g *gate) {
	r.gate.Store(nil)
	close(g.open)
}

func (r *roundTrips) start() {
	r.count.Add(1)
	if g := r.gate.Load(); g != nil {
		g.once.Do(func() { close(g.reached) })
		<-g.open
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (r *roundTrips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	r.start()
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (r *roundTrips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (r *roundTrips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	r.start()
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (r *roundTrips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (r *roundTrips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

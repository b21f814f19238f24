package blocks

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/attribute"

	"github.com/millrace/millrace/internal/tracing"
)

// The operations of a block store that are observed.
const (
	opRead   = "read"
	opWrite  = "write"
	opDelete = "delete"
)

// durationBuckets are in seconds: from a block in the page cache to a disk that is far away and busy.
var durationBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}

// observed counts what goes in and out of a block store.
type observed struct {
	Store
	seconds map[string]prometheus.Observer // by operation
	bytes   map[string]prometheus.Counter
	errors  map[string]prometheus.Counter
}

// Observe returns a store that counts in metrics of registry what goes in and out of s. See docs/metrics.md.
func Observe(s Store, registry prometheus.Registerer) Store {
	factory := promauto.With(registry)
	labels := []string{"operation", "store"}
	seconds := factory.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "millrace_block_operation_duration_seconds",
		Help:    "How long operations of the block store took.",
		Buckets: durationBuckets,
	}, labels)
	bytes := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_block_bytes_total",
		Help: "Bytes that were read from and written to the block store.",
	}, labels)
	errors := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_block_errors_total",
		Help: "Operations of the block store that failed.",
	}, labels)
	o := &observed{
		Store:   s,
		seconds: map[string]prometheus.Observer{},
		bytes:   map[string]prometheus.Counter{},
		errors:  map[string]prometheus.Counter{},
	}
	for _, op := range []string{opRead, opWrite, opDelete} {
		o.seconds[op] = seconds.WithLabelValues(op, kindOf(s))
		o.errors[op] = errors.WithLabelValues(op, kindOf(s))
		if op != opDelete {
			o.bytes[op] = bytes.WithLabelValues(op, kindOf(s))
		}
	}
	return o
}

// kindOf names a block store as its address does.
func kindOf(s Store) string {
	switch s.(type) {
	case *Postgres:
		return "postgres"
	case *File:
		return "file"
	case *S3:
		return "s3"
	}
	return "other"
}

// operation is one that has begun.
type operation struct {
	name  string
	start time.Time
	span  tracing.Span
}

// begin begins an operation on blocks of a matrix.
func (o *observed) begin(ctx context.Context, name string, matrix uuid.UUID) (context.Context, operation) {
	op := operation{name: name, start: time.Now()}
	if !tracing.Of(ctx).On() {
		return ctx, op
	}
	ctx, op.span = tracing.Start(ctx, "block "+name)
	op.span.Set(attribute.String("millrace.matrix.id", matrix.String()),
		attribute.String("millrace.block_store", kindOf(o.Store)))
	return ctx, op
}

// done observes an operation, unless its caller gave it up: that says nothing about the store.
func (o *observed) done(ctx context.Context, began operation, bytes int, err error) {
	if began.span.On() {
		began.span.Set(attribute.Int("millrace.bytes", bytes))
		began.span.End(err)
	}
	op, start := began.name, began.start
	switch {
	case err == nil:
		o.seconds[op].Observe(time.Since(start).Seconds())
		if bytes > 0 {
			o.bytes[op].Add(float64(bytes))
		}
	case ctx.Err() == nil:
		o.errors[op].Inc()
	}
}

// Put implements Store.
func (o *observed) Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error {
	ctx, op := o.begin(ctx, opWrite, matrix)
	err := o.Store.Put(ctx, matrix, index, data)
	o.done(ctx, op, len(data), err)
	return err
}

// Read implements Store.
func (o *observed) Read(ctx context.Context, b Block, offset int64, dst []byte) error {
	ctx, op := o.begin(ctx, opRead, b.Matrix)
	err := o.Store.Read(ctx, b, offset, dst)
	o.done(ctx, op, len(dst), err)
	return err
}

// Delete implements Store.
func (o *observed) Delete(ctx context.Context, matrix uuid.UUID) error {
	ctx, op := o.begin(ctx, opDelete, matrix)
	err := o.Store.Delete(ctx, matrix)
	o.done(ctx, op, 0, err)
	return err
}

// DeleteRange implements Store.
func (o *observed) DeleteRange(ctx context.Context, matrix uuid.UUID, first, last int64) error {
	ctx, op := o.begin(ctx, opDelete, matrix)
	err := o.Store.DeleteRange(ctx, matrix, first, last)
	o.done(ctx, op, 0, err)
	return err
}

// Discard implements Store.
func (o *observed) Discard(ctx context.Context, matrix uuid.UUID) error {
	ctx, op := o.begin(ctx, opDelete, matrix)
	err := o.Store.Discard(ctx, matrix)
	o.done(ctx, op, 0, err)
	return err
}

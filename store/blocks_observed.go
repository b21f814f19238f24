package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The operations of a block store that are observed.
const (
	opRead   = "read"
	opWrite  = "write"
	opDelete = "delete"
)

// blockBuckets are in seconds: from a block in the page cache to a disk that is far away and busy.
var blockBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}

// observedBlocks counts what goes in and out of a block store.
type observedBlocks struct {
	Blocks
	seconds map[string]prometheus.Observer // by operation
	bytes   map[string]prometheus.Counter
	errors  map[string]prometheus.Counter
}

func observeBlocks(blocks Blocks, registry prometheus.Registerer) *observedBlocks {
	factory, labels := promauto.With(registry), []string{"operation", "store"}
	seconds := factory.NewHistogramVec(prometheus.HistogramOpts{
		Name: "millrace_block_operation_duration_seconds", Help: "How long operations of the block store took.", Buckets: blockBuckets,
	}, labels)
	bytes := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_block_bytes_total", Help: "Bytes that were read from and written to the block store.",
	}, labels)
	errors := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_block_errors_total", Help: "Operations of the block store that failed.",
	}, labels)
	o := &observedBlocks{
		Blocks:  blocks,
		seconds: map[string]prometheus.Observer{}, bytes: map[string]prometheus.Counter{}, errors: map[string]prometheus.Counter{},
	}
	for _, op := range []string{opRead, opWrite, opDelete} {
		o.seconds[op] = seconds.WithLabelValues(op, kindOf(blocks))
		o.errors[op] = errors.WithLabelValues(op, kindOf(blocks))
		if op != opDelete {
			o.bytes[op] = bytes.WithLabelValues(op, kindOf(blocks))
		}
	}
	return o
}

// kindOf names a block store as its address does.
func kindOf(blocks Blocks) string {
	switch blocks.(type) {
	case *PostgresBlocks:
		return "postgres"
	case *FileBlocks:
		return "file"
	}
	return "other"
}

// done observes an operation. One whose caller gave it up says nothing of the store.
func (o *observedBlocks) done(ctx context.Context, op string, start time.Time, bytes int, err error) {
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

// Put implements Blocks.
func (o *observedBlocks) Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error {
	start := time.Now()
	err := o.Blocks.Put(ctx, matrix, index, data)
	o.done(ctx, opWrite, start, len(data), err)
	return err
}

// Read implements Blocks.
func (o *observedBlocks) Read(ctx context.Context, matrix uuid.UUID, index, offset int64, dst []byte) error {
	start := time.Now()
	err := o.Blocks.Read(ctx, matrix, index, offset, dst)
	o.done(ctx, opRead, start, len(dst), err)
	return err
}

// Delete implements Blocks.
func (o *observedBlocks) Delete(ctx context.Context, matrix uuid.UUID) error {
	start := time.Now()
	err := o.Blocks.Delete(ctx, matrix)
	o.done(ctx, opDelete, start, 0, err)
	return err
}

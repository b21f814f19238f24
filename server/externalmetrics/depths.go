package externalmetrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/millrace/millrace/jobs/queue"
)

const (
	// freshAge is how old the depths may be.
	freshAge = time.Second
	// readTimeout bounds the read for which requests wait.
	readTimeout = 3 * time.Second
)

// depths reads the depths of the queues when they are asked for.
type depths struct {
	queue *queue.Client
	log   *slog.Logger

	mu   sync.Mutex // held while requests wait for a read
	at   time.Time  // of the last read, whatever has become of it
	last queue.Depths
	err  error
}

// fresh returns the depths as they were a second ago at most, or why they cannot be read. However often it is called,
// it reads once in that time at most; a caller that leaves does not spoil it for the others.
func (d *depths) fresh(ctx context.Context) (queue.Depths, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.at) < freshAge {
		return d.last, d.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	d.last, d.err = d.queue.ReadDepths(ctx)
	d.at = d.last.At
	if d.err != nil {
		d.at = time.Now()
		d.log.WarnContext(ctx, "external metrics: reading the depths of the queues", "error", d.err)
	}
	return d.last, d.err
}

// Package listen receives the notifications of River's clients. A listener of River's own driver fails when its
// connection ends, and River's notifier listens again after a pause that doubles with each fault since the process was
// started, up to 70 s: it is not reset while the connection lasts. The listener of this package does not fail: it has
// another connection within about a second.
package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/millrace/millrace/watch/notify"
)

// channels are those on which River listens; see Listener.Listen.
var channels = []notify.Channel{
	{Name: "river_insert"},
	{Name: "river_control"},
	{Name: "river_leadership"},
}

// Driver is River's driver with listeners of this package.
type Driver struct {
	*riverpgxv5.Driver
	pool *pgxpool.Pool
	log  *slog.Logger
}

// NewDriver returns a driver of a pool.
func NewDriver(pool *pgxpool.Pool, log *slog.Logger) Driver {
	return Driver{
		Driver: riverpgxv5.New(pool),
		pool:   pool,
		log:    log,
	}
}

// GetListener implements riverdriver.Driver.
func (d Driver) GetListener(params *riverdriver.GetListenenerParams) riverdriver.Listener {
	return &Listener{
		pool:   d.pool,
		log:    d.log,
		schema: params.Schema,
	}
}

var (
	errConnected    = errors.New("the listener is connected already")
	errNotConnected = errors.New("the listener is not connected")
)

// Listener implements riverdriver.Listener.
type Listener struct {
	pool   *pgxpool.Pool
	log    *slog.Logger
	schema string

	mu       sync.Mutex
	received <-chan notify.Notification // nil: not connected
	stop     context.CancelFunc
}

var _ riverdriver.Listener = (*Listener)(nil)

// Connect begins to listen, and returns when it does. Only this one fails when there is no database.
func (l *Listener) Connect(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.received != nil {
		return errConnected
	}
	listening, stop := context.WithCancel(context.WithoutCancel(ctx))
	received := notify.Listen(listening, l.pool, l.log, channels...)
	select {
	case <-received: // it is connected
	case <-ctx.Done():
		stop()
		return fmt.Errorf("listening for jobs: %w", ctx.Err())
	}
	l.received = received
	l.stop = stop
	return nil
}

// Close ends the connection.
func (l *Listener) Close(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.received == nil {
		return nil
	}
	l.stop()
	for range l.received { // until it has ended
	}
	l.received = nil
	return nil
}

// WaitForNotification returns the next notification. While there is no connection it waits for one; what was sent
// meanwhile is lost, and found by polling.
func (l *Listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	l.mu.Lock()
	received := l.received
	l.mu.Unlock()
	if received == nil {
		return nil, errNotConnected
	}
	for {
		select {
		case n, ok := <-received:
			switch {
			case !ok:
				return nil, errNotConnected
			case !n.Connected:
				return &riverdriver.Notification{Topic: n.Channel, Payload: n.Payload}, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Listen does nothing: all channels on which River listens are listened to from the beginning.
func (l *Listener) Listen(_ context.Context, topic string) error {
	if !slices.ContainsFunc(channels, func(c notify.Channel) bool { return c.Name == topic }) {
		return fmt.Errorf("channel %q is not listened to", topic)
	}
	return nil
}

// Unlisten does nothing: River drops what it has no subscriber for.
func (l *Listener) Unlisten(context.Context, string) error { return nil }

// Ping does nothing: connections are looked after where they are made.
func (l *Listener) Ping(context.Context) error { return nil }

// Schema returns the schema that River was given.
func (l *Listener) Schema() string { return l.schema }

// SetAfterConnectExec is for tests of River, and does nothing.
func (l *Listener) SetAfterConnectExec(string) {}

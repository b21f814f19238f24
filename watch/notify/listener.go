package notify

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/loop"
	"github.com/millrace/millrace/store/database"
)

const (
	firstReconnect = 100 * time.Millisecond
	lastReconnect  = time.Second
	connectTimeout = 10 * time.Second
	closeTimeout   = time.Second
	// pingInterval is how long a connection is silent before the listener asks whether it is still there, for which it has
	// pingTimeout: what is between it and Postgres may have lost one end of it.
	pingInterval = 5 * time.Second
	pingTimeout  = 5 * time.Second
	// pollInterval is how often there may be something new where nothing can be received.
	pollInterval = 500 * time.Millisecond
)

// Notification is what a listener receives.
type Notification struct {
	// Connected means that the connection has just been opened: earlier notifications may be lost. Channel and Payload are
	// empty then. Through a pooler nothing can be received, and this is all that comes, again and again.
	Connected bool
	Channel   string // Channel.Name
	Payload   string
}

// listener receives notifications on one connection after the other.
type listener struct {
	pool     *pgxpool.Pool // whose configuration the connections have
	channels []Channel
	log      *slog.Logger
	received chan Notification
}

// Listen receives notifications until ctx is done, and then closes the returned channel. It has a connection that is
// not of the pool, and opens another one when that breaks.
func Listen(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger, channels ...Channel) <-chan Notification {
	l := &listener{
		pool:     pool,
		channels: channels,
		log:      log,
		received: make(chan Notification),
	}
	if database.Pooled(pool) {
		log.InfoContext(ctx, "a pooler is between this process and Postgres: polling, which is slower than notifications")
		go l.poll(ctx)
	} else {
		go l.run(ctx)
	}
	return l.received
}

func (l *listener) run(ctx context.Context) {
	defer close(l.received)
	pause := firstReconnect
	for {
		connected, err := l.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if connected {
			pause = firstReconnect
		}
		l.log.WarnContext(ctx, "listening for changes; until it succeeds they are seen a little later", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, lastReconnect)
	}
}

// poll says that something may be new, again and again.
func (l *listener) poll(ctx context.Context) {
	defer close(l.received)
	loop.Every(ctx, pollInterval, func(ctx context.Context) {
		select {
		case l.received <- Notification{Connected: true}:
		case <-ctx.Done():
		}
	})
}

// listenOnce receives notifications until the connection breaks. It reports whether there was one.
func (l *listener) listenOnce(ctx context.Context) (connected bool, err error) {
	conn, err := l.connect(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(ctx) // it may be broken
	}()
	next := Notification{Connected: true}
	for {
		select {
		case l.received <- next:
		case <-ctx.Done():
			return true, ctx.Err()
		}
		n, err := await(ctx, conn)
		if err != nil {
			return true, err
		}
		_, name, _ := strings.Cut(n.Channel, ".")
		next = Notification{Channel: name, Payload: n.Payload}
	}
}

// await returns the next notification, and an error when the connection has ended or is silent.
func await(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	for {
		wait, cancel := context.WithTimeout(ctx, pingInterval)
		n, err := conn.WaitForNotification(wait)
		quiet := wait.Err() != nil
		cancel()
		if err == nil || !quiet || ctx.Err() != nil {
			return n, err
		}
		ping, cancel := context.WithTimeout(ctx, pingTimeout)
		err = conn.Ping(ping)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("the connection is silent: %w", err)
		}
	}
}

// connect opens a connection that listens. It must not be one of the pool, where it would be missing.
func (l *listener) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := database.Connect(ctx, l.pool, "millrace listener")
	if err != nil {
		return nil, err
	}
	if err := l.subscribe(ctx, conn); err != nil {
		_ = conn.Close(ctx) // the first error counts
		return nil, err
	}
	return conn, nil
}

// subscribe makes a connection listen on the channels.
func (l *listener) subscribe(ctx context.Context, conn *pgx.Conn) error {
	var schema string
	if err := conn.QueryRow(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return err
	}
	for _, c := range l.channels {
		if _, err := conn.Exec(ctx, "LISTEN "+c.quoted(schema)); err != nil {
			return err
		}
	}
	return nil
}

package watch

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	firstReconnect = 100 * time.Millisecond
	lastReconnect  = 5 * time.Second
	connectTimeout = 10 * time.Second
)

// listen receives notifications, on one connection after the other. While there is none, polling goes on.
func (h *Hub) listen(ctx context.Context) {
	pause := firstReconnect
	for {
		connected, err := h.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if connected {
			pause = firstReconnect
		}
		h.log.WarnContext(ctx, "listening for changes; until it succeeds they are seen a little later", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, lastReconnect)
	}
}

// listenOnce receives notifications until the connection breaks. It reports whether there was one.
func (h *Hub) listenOnce(ctx context.Context) (connected bool, err error) {
	conn, err := h.connect(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // it may be broken
	}()
	h.suspectAll() // what has changed before was not heard
	signal(h.wake)
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true, err
		}
		h.heard(n.Channel, n.Payload)
	}
}

// connect opens a connection that listens. It is none of the pool's: it would be missing there.
func (h *Hub) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	config := h.store.Pool.Config().ConnConfig
	// Nothing is ever sent on it, so only the kernel can find out that the other side is no longer there.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
	config.DialFunc = dialer.DialContext
	config.RuntimeParams["application_name"] = "millrace listener"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	var schema string
	if err = conn.QueryRow(ctx, "SELECT current_schema()").Scan(&schema); err == nil {
		_, err = conn.Exec(ctx, "LISTEN "+quoted(schema, ends)+"; LISTEN "+quoted(schema, progress))
	}
	if err != nil {
		_ = conn.Close(ctx) // the first error counts
		return nil, err
	}
	return conn, nil
}

func quoted(schema string, c Channel) string { return pgx.Identifier{schema + "." + c.Name}.Sanitize() }

// heard notes what a notification is about, if anybody follows that.
func (h *Hub) heard(channel, payload string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.topics) == 0 {
		return
	}
	for _, id := range parseIDs(payload) {
		t := h.topics[id]
		switch {
		case t == nil:
		case strings.HasSuffix(channel, ends.Name):
			t.dirty = true
			signal(h.wake)
		case t.followers > 0: // those who wait for the end need not know
			t.dirty = true
			signal(h.soon)
		}
	}
}

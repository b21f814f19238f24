package notify

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// The channels of the tests.
var (
	urgent = Channel{Name: "urgent", Pause: 5 * time.Millisecond}
	slow   = Channel{Name: "slow", Pause: 40 * time.Millisecond}
)

// setup returns a sender on a database of its own.
func setup(t *testing.T) (*Sender, *pgxpool.Pool) {
	t.Helper()
	pool := testdb.NewEmpty(t)
	s := NewSender(pool, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(s.Stop)
	return s, pool
}

func TestSend(t *testing.T) {
	t.Parallel()
	s, pool := setup(t)
	conn, err := pgx.Connect(t.Context(), testdb.URL(pool))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), "LISTEN "+urgent.quoted("public")+"; LISTEN "+slow.quoted("public")); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for i := range 1000 {
		payload := uuid.NewString()
		if i%3 == 0 {
			s.Send(urgent, payload)
			want[urgent.Name] = append(want[urgent.Name], payload)
		} else {
			s.Send(slow, payload)
			s.Send(slow, payload)
			want[slow.Name] = append(want[slow.Name], payload)
		}
	}
	for range 2 {
		s.Stop() // sends the rest
	}
	s.Send(urgent, uuid.NewString()) // too late
	got := map[string][]string{}
	notifications := 0
	for len(distinct(got[urgent.Name]))+len(distinct(got[slow.Name])) < 1000 {
		n, err := conn.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		notifications++
		name := strings.TrimPrefix(n.Channel, "public.")
		got[name] = append(got[name], strings.Fields(n.Payload)...)
	}
	for name, payloads := range want {
		if arrived := distinct(got[name]); !slices.Equal(distinct(payloads), arrived) {
			t.Errorf("channel %s: got %d payloads, want the %d that were sent", name, len(arrived), len(payloads))
		}
	}
	if notifications > 500 {
		t.Errorf("got %d notifications for 1000 payloads, want at most 500", notifications)
	}
}

// distinct returns the payloads of a list in order, each once: one that is sent again after it was sent is sent again.
func distinct(payloads []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(payloads)))
}

func TestBatch(t *testing.T) {
	t.Parallel()
	payloads := map[string]struct{}{}
	for range 500 {
		payloads[uuid.NewString()] = struct{}{}
	}
	batched := Channel{}.batch(payloads)
	total := 0
	for _, text := range batched {
		if len(text) > maxPayload {
			t.Errorf("got a notification of %d bytes, want at most %d", len(text), maxPayload)
		}
		total += len(strings.Fields(text))
	}
	if len(batched) != 3 || total != 500 {
		t.Errorf("got %d payloads in %d notifications, want 500 in 3", total, len(batched))
	}
	if unbatched := (Channel{Unbatched: true}).batch(payloads); len(unbatched) != 500 {
		t.Errorf("unbatched: got %d notifications, want 500", len(unbatched))
	}
}

// TestSendWithoutDatabase: callers do not wait for a database that is unavailable, and what is pending stays bounded.
func TestSendWithoutDatabase(t *testing.T) {
	t.Parallel()
	s, pool := setup(t)
	held := make([]interface{ Release() }, 0, 10)
	for range pool.Config().MaxConns {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	for i := range 2 * maxPending { // the sender waits for a connection
		s.Send(urgent, fmt.Sprint(i))
	}
	s.mu.Lock()
	if n := len(s.channels[urgent].payloads); n > maxPending {
		t.Errorf("got %d pending payloads, want at most %d", n, maxPending)
	}
	s.mu.Unlock()
	for _, conn := range held {
		conn.Release()
	}
	s.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total != 0 || s.sending {
		t.Errorf("after Stop: got %d pending, sending %v, want none", s.total, s.sending)
	}
}

// TestUrgent: an urgent channel does not wait behind one that pauses.
func TestUrgent(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	s.mu.Lock()
	s.channels[slow] = &pending{payloads: map[string]struct{}{"later": {}}, last: time.Now().Add(time.Hour)}
	s.channels[urgent] = &pending{payloads: map[string]struct{}{"now": {}}}
	s.total = 2
	s.mu.Unlock()
	names, payloads, _ := s.take()
	if !slices.Equal(names, []string{urgent.Name}) || !slices.Equal(payloads, []string{"now"}) {
		t.Errorf("take() = %v, %v, want the urgent payload", names, payloads)
	}
	if names, _, pause := s.take(); len(names) > 0 || pause <= 0 {
		t.Errorf("take() = %v with pause %v, want nothing but a pause", names, pause)
	}
}

// TestListen: a listener tells when it is connected, receives, reconnects when its connection is cut, and ends with
// its context.
func TestListen(t *testing.T) {
	t.Parallel()
	s, pool := setup(t)
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	received := Listen(ctx, pool, slog.New(slog.NewTextHandler(&log, nil)), urgent, slow)
	for range 2 {
		if n := <-received; !n.Connected {
			t.Fatalf("got %+v, want the news of a connection", n)
		}
		s.Send(slow, "hello")
		if n := <-received; n.Channel != slow.Name || n.Payload != "hello" {
			t.Errorf("got %+v, want hello on %s", n, slow.Name)
		}
		_, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'millrace listener'`)
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for range received { // until it is closed
	}
	if !strings.Contains(log.String(), "listening for changes") {
		t.Errorf("got log %q, want a warning for each cut connection", &log)
	}
}

package watch

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
)

func TestAnnounce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := pgx.Connect(t.Context(), testdb.URL(b.store.Pool))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), "LISTEN "+quoted("public", ends)+"; LISTEN "+quoted("public", progress)); err != nil {
		t.Fatal(err)
	}
	want := map[string][]uuid.UUID{}
	for i := range 1000 {
		id := uuid.New()
		if i%3 == 0 {
			b.changes.Ended(id)
			want[ends.Name] = append(want[ends.Name], id)
		} else {
			b.changes.Changed(id)
			b.changes.Changed(id)
			want[progress.Name] = append(want[progress.Name], id)
		}
	}
	for range 2 {
		b.changes.Stop() // sends the rest
	}
	b.changes.Ended(uuid.New()) // too late
	got := map[string][]uuid.UUID{}
	notifications := 0
	for len(distinct(got[ends.Name]))+len(distinct(got[progress.Name])) < 1000 {
		n, err := conn.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		notifications++
		name := strings.TrimPrefix(n.Channel, "public.")
		got[name] = append(got[name], parseIDs(n.Payload)...)
	}
	for name, ids := range want {
		if arrived := distinct(got[name]); !slices.Equal(distinct(ids), arrived) {
			t.Errorf("on %s %d ids arrived, not the %d that were sent", name, len(arrived), len(ids))
		}
	}
	if notifications > 500 {
		t.Errorf("%d notifications for 1000 changes", notifications)
	}
}

// distinct returns the ids of a list in order, each once: what changes again after it was announced is announced again.
func distinct(ids []uuid.UUID) []uuid.UUID {
	ids = slices.SortedFunc(slices.Values(ids), func(x, y uuid.UUID) int { return bytes.Compare(x[:], y[:]) })
	return slices.Compact(ids)
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	words := map[string]struct{}{}
	for range 500 {
		words[uuid.NewString()] = struct{}{}
	}
	together, total := Channel{}.payloads(words), 0
	for _, text := range together {
		if len(text) > maxPayload {
			t.Errorf("%d bytes", len(text))
		}
		total += len(parseIDs(text))
	}
	if len(together) != 3 || total != 500 {
		t.Errorf("%d ids in %d texts", total, len(together))
	}
	if apart := (Channel{Apart: true}).payloads(words); len(apart) != 500 {
		t.Errorf("%d texts", len(apart))
	}
	id := uuid.New()
	if got := parseIDs("x " + id.String() + " 12"); len(got) != 1 || got[0] != id {
		t.Errorf("got %v", got)
	}
}

// Whoever announces never waits: not for others, and not for a database that is away.
func TestAnnounceWithoutDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	held := make([]interface{ Release() }, 0, 10)
	for range b.store.Pool.Config().MaxConns {
		conn, err := b.store.Pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	for range 2 * maxPending { // the sender waits for a connection
		b.changes.Ended(uuid.New())
	}
	b.changes.mu.Lock()
	if n := len(b.changes.boxes[ends].words); n > maxPending {
		t.Errorf("%d are kept", n)
	}
	b.changes.mu.Unlock()
	for _, conn := range held {
		conn.Release()
	}
	b.changes.Stop()
	b.changes.mu.Lock()
	defer b.changes.mu.Unlock()
	if b.changes.pending != 0 || b.changes.sending {
		t.Errorf("%d are left, sending: %v", b.changes.pending, b.changes.sending)
	}
}

// What is urgent does not wait behind what is not.
func TestAnnounceUrgent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.changes.mu.Lock()
	now := time.Now()
	b.changes.boxes[progress] = &outbox{words: map[string]struct{}{"slow": {}}, last: now.Add(time.Hour)}
	b.changes.boxes[ends] = &outbox{words: map[string]struct{}{"fast": {}}}
	b.changes.pending = 2
	b.changes.mu.Unlock()
	if channels, payloads, _ := b.changes.take(); !slices.Equal(channels, []string{ends.Name}) || !slices.Equal(payloads, []string{"fast"}) {
		t.Errorf("got %v, %v", channels, payloads)
	}
	if channels, _, pause := b.changes.take(); len(channels) > 0 || pause <= 0 {
		t.Errorf("got %v, %v", channels, pause)
	}
}

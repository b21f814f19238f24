package keys

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
)

// TestUses: the use of a key is written once an hour at most.
func TestUses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, _ := b.create(identity.ScopeRead)
	session, _, err := b.SignIn(t.Context(), key.ID)
	if err != nil {
		t.Fatal(err)
	}
	used := func() *time.Time {
		t.Helper()
		list, err := b.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return list[0].LastUsed
	}
	b.verifier.writeUses(t.Context())
	if got := used(); got != nil {
		t.Errorf("before its use a key was used at %s, want never", got)
	}
	b.verifies(session, nil)
	b.verifier.writeUses(t.Context())
	first := used()
	if first == nil {
		t.Fatal("after its use a key was used never, want a time")
	}
	b.verifies(session, nil)
	b.verifier.ForgetAll()
	b.verifies(session, nil)
	if n := len(b.verifier.used); n > 0 {
		t.Errorf("%d uses are to be written again within the hour, want 0", n)
	}
	b.verifier.writeUses(t.Context())
	if got := used(); !got.Equal(*first) {
		t.Errorf("a second use is written as %s, want the first one, %s", got, first)
	}
	b.exec("UPDATE api_keys SET last_used_at = now() - interval '61 minutes'")
	b.verifier.ForgetAll()
	b.verifies(session, nil)
	b.verifier.writeUses(t.Context())
	if got := used(); !got.After(*first) {
		t.Errorf("after an hour the last use is %s, want a later time than %s", got, first)
	}
}

// TestUsesAreBounded: a use is noted an hour after the last one, and only while there is room for it.
func TestUsesAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		since time.Duration
		noted int
		want  bool
	}{
		{useInterval, 0, true}, {useInterval - 1, 0, false}, {useInterval, maxCached - 1, true}, {useInterval, maxCached, false},
	} {
		v := NewVerifier(nil, slog.New(slog.DiscardHandler))
		for i := range c.noted {
			v.used[fmt.Sprint(i)] = struct{}{}
		}
		v.use(&entry{used: now.Add(-c.since)}, "id", now)
		if _, got := v.used["id"]; got != c.want {
			t.Errorf("%s after a use, with %d others: noted %t, want %t", c.since, c.noted, got, c.want)
		}
	}
}

// TestUnknownForAWhile: that an id has no row is remembered for some time only.
func TestUnknownForAWhile(t *testing.T) {
	t.Parallel()
	v := NewVerifier(nil, slog.New(slog.DiscardHandler))
	now := time.Now()
	v.unknown["id"] = now.Add(time.Second)
	for after, want := range map[time.Duration]bool{0: true, time.Second: false, time.Minute: false} {
		if _, got := v.cached("id", now.Add(after)); got != want {
			t.Errorf("after %s it is remembered: %t, want %t", after, got, want)
		}
	}
	if _, got := v.cached("other", now); got {
		t.Error("an id that was never looked for is remembered")
	}
}

// TestUpkeepIsTold: when uses cannot be written, or old keys cannot be deleted, the log says so, and not when all is well
// or the process ends.
func TestUpkeepIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.create(identity.ScopeRead)
	var log strings.Builder
	v := NewVerifier(b.Store, slog.New(slog.NewTextHandler(&log, nil)))
	upkeep := func(ctx context.Context) (told int) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		log.Reset()
		v.used[token[3:13]] = struct{}{}
		v.writeUses(ctx)
		v.deleteOld(ctx)
		return strings.Count(log.String(), "\n")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if n := upkeep(t.Context()); n != 0 {
		t.Errorf("%d lines are logged, want 0: %s", n, &log)
	}
	if n := upkeep(ended); n != 0 {
		t.Errorf("%d lines are logged at the end, want 0: %s", n, &log)
	}
	b.exec("ALTER TABLE api_keys RENAME TO elsewhere")
	if n := upkeep(t.Context()); n != 2 {
		t.Errorf("%d lines are logged, want 2: %s", n, &log)
	}
}

// TestOldKeysAreDeleted: sessions that are over go at once, keys after 90 days.
func TestOldKeysAreDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old, _ := b.create(identity.ScopeRead)
	b.exec("UPDATE api_keys SET expires_at = now() - interval '91 days'")
	recent, _ := b.create(identity.ScopeRead)
	for range 2 {
		if _, _, err := b.SignIn(t.Context(), recent.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.exec("UPDATE api_keys SET expires_at = now() WHERE id = (SELECT max(id) FROM api_keys WHERE parent IS NOT NULL)")
	b.verifier.deleteOld(t.Context())
	var keys, sessions int
	err := b.pool.QueryRow(t.Context(), "SELECT count(*) FILTER (WHERE parent IS NULL AND id <> $1), count(parent) FROM api_keys",
		old.ID).Scan(&keys, &sessions)
	if err != nil || keys != 1 || sessions != 1 {
		t.Errorf("%d keys and %d sessions are left, %v, want 1 of each", keys, sessions, err)
	}
}

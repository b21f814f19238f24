package keys

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
)

// lookups counts the statements that read a row.
type lookups struct{ n atomic.Int64 }

func (l *lookups) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "GetKey") {
		l.n.Add(1)
	}
	return ctx
}

func (*lookups) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// counted is setup with the number of look-ups.
func counted(t testing.TB) (*bundle, *lookups) {
	l := &lookups{}
	return setupOn(t, testdb.Traced(t, testdb.New(t), l)), l
}

// wants checks how many rows were read so far.
func (l *lookups) wants(t *testing.T, want int64) {
	t.Helper()
	if got := l.n.Load(); got != want {
		t.Errorf("rows were read %d times, want %d", got, want)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	b, read := counted(t)
	key, token := b.create(identity.ScopeRead, identity.ScopeSubmit)
	for range 3 {
		p := b.verifies(token, nil)
		if p.Tenant != identity.DefaultTenant || p.Name != "a key" || p.KeyID != key.ID || p.May(identity.ScopeAdmin) {
			t.Errorf("Verify() = %+v, want the key %+v", p, key)
		}
	}
	read.wants(t, 1)
	other, _ := identity.NewToken(identity.KeyPrefix)
	for range 3 {
		b.verifies(other, identity.ErrInvalidToken)
	}
	read.wants(t, 2)
	for _, text := range []string{"", "mr_", "abc", token[:len(token)-1], strings.Repeat("x", 10_000)} {
		b.verifies(text, identity.ErrInvalidToken)
	}
	read.wants(t, 2)
}

// TestWrongSecret: the id of a key is no secret, and does not help.
func TestWrongSecret(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, _ := b.create(identity.ScopeRead)
	wrong, _ := identity.NewToken(identity.KeyPrefix)
	_, mine := identity.ParseToken(wrong, identity.KeyPrefix)
	if !mine {
		t.Fatal("a new token does not parse, want it to")
	}
	b.exec("UPDATE api_keys SET id = $2 WHERE id = $1", key.ID, wrong[3:13]) // now wrong has its id
	b.verifies(wrong, identity.ErrInvalidToken)
	b.exec("UPDATE api_keys SET revoked_at = now(), expires_at = now()")
	b.verifier.ForgetAll()
	b.verifies(wrong, identity.ErrInvalidToken) // and it is not told more
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	b, read := counted(t)
	_, token := b.create(identity.ScopeRead)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := b.verifier.Verify(t.Context(), token); err != nil {
				t.Errorf("Verify() = %v, want success", err)
			}
		})
	}
	all.Wait()
	read.wants(t, 1)
}

// TestForget: a revocation that is told counts at once, one that is not when the row is read again.
func TestForget(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, token := b.create(identity.ScopeRead)
	b.verifies(token, nil)
	b.exec("UPDATE api_keys SET revoked_at = now()")
	b.verifies(token, nil)
	b.verifier.Forget("0123456789")
	b.verifies(token, nil)
	b.verifier.Forget(key.ID)
	b.verifies(token, identity.ErrRevoked)

	_, second := b.create(identity.ScopeRead)
	b.verifies(second, nil)
	b.exec("UPDATE api_keys SET expires_at = now() - interval '1 second'")
	b.verifier.mu.Lock()
	for _, e := range b.verifier.known {
		e.until = time.Now()
	}
	b.verifier.mu.Unlock()
	b.verifies(second, identity.ErrExpired)
}

// TestForgetWhileReading: what was read before a revocation is not remembered after it.
func TestForgetWhileReading(t *testing.T) {
	t.Parallel()
	b, read := counted(t)
	key, token := b.create(identity.ScopeRead)
	lock, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), "LOCK api_keys IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	verified := make(chan error, 1)
	go func() {
		_, err := b.verifier.Verify(t.Context(), token)
		verified <- err
	}()
	for read.n.Load() == 0 {
		time.Sleep(time.Millisecond) // no signal says that a statement has begun
	}
	b.verifier.Forget(key.ID)
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-verified; err != nil {
		t.Errorf("Verify() = %v, want what was true when it read", err)
	}
	b.verifies(token, nil)
	read.wants(t, 2)
}

// TestUnavailable: a database that cannot be asked refuses no key.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.create(identity.ScopeRead)
	_, second := b.create(identity.ScopeRead)
	b.verifies(token, nil)
	b.exec("ALTER TABLE api_keys RENAME TO elsewhere")
	b.verifies(token, nil)
	if _, err := b.verifier.Verify(t.Context(), second); err == nil || identity.Refused(err) {
		t.Errorf("Verify() = %v, want an error that refuses nothing", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.verifier.Verify(ctx, second); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify() = %v, want %v", err, context.Canceled)
	}
}

// TestRemember: what is remembered is bounded.
func TestRemember(t *testing.T) {
	t.Parallel()
	m := map[string]int{}
	for range 3 * maxCached {
		token, _ := identity.NewToken(identity.KeyPrefix)
		remember(m, token[3:13], 1)
	}
	if len(m) != maxCached {
		t.Errorf("%d are remembered, want %d", len(m), maxCached)
	}
}

func BenchmarkVerify(b *testing.B) {
	s := setup(b)
	_, token := s.create(identity.ScopeSubmit)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.verifier.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

package testdb

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Faults has statements of a pool fail, one at a time.
type Faults struct {
	// UntilCommit leaves out what follows a commit, such as notifications, whose errors do not change the outcome.
	UntilCommit bool

	mu        sync.Mutex
	count     int    // statements since the last begin
	fails     int    // the number of the one that fails; 0: none does
	failed    string // what it was, if it has
	committed bool
}

// Faulty returns a pool on the database of another one, and what has its statements fail.
func Faulty(t testing.TB, pool *pgxpool.Pool) (*pgxpool.Pool, *Faults) {
	t.Helper()
	f := &Faults{}
	return Traced(t, pool, f), f
}

// Each runs an operation again and again, each time with another of its statements failing, the beginning and the end
// of its transactions included, and fails the test if the operation returns no error then. prepare makes what the
// operation needs; its statements do not fail. The operation must succeed when no statement fails.
func (f *Faults) Each(t testing.TB, name string, prepare func() (operation func(context.Context) error)) {
	t.Helper()
	for n := 1; ; n++ {
		operation := prepare()
		f.begin(n)
		err := operation(context.WithValue(t.Context(), ofOperation{}, true))
		failed := f.begin(0)
		switch {
		case failed == "" && err != nil:
			t.Errorf("%s fails although no statement does: %v", name, err)
			return
		case failed == "" && n == 1:
			t.Errorf("%s has no statement", name)
			return
		case failed == "":
			return
		case err == nil:
			t.Errorf("%s returns no error although a statement fails: %.100s", name, failed)
		}
	}
}

// begin has the statement of a number fail from now on, and returns the one that has failed before.
func (f *Faults) begin(fails int) (failed string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failed = f.failed
	f.count = 0
	f.fails = fails
	f.failed = ""
	f.committed = false
	return failed
}

// ofOperation is in the contexts of an operation whose statements fail. What an earlier one has left to be done, such
// as notifications, may come meanwhile.
type ofOperation struct{}

var errFault = errors.New("testdb: this statement is to fail")

// next counts a statement and returns its context, which has ended if the statement is to fail.
func (f *Faults) next(ctx context.Context, sql string) context.Context {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.UntilCommit && f.committed || ctx.Value(ofOperation{}) == nil {
		return ctx
	}
	if f.count++; f.count != f.fails || sql == "rollback" {
		f.committed = f.committed || sql == "commit"
		return ctx
	}
	f.failed = strings.Join(strings.Fields(sql), " ")
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(errFault)
	return ctx
}

// TraceQueryStart implements pgx.QueryTracer.
func (f *Faults) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return f.next(ctx, d.SQL)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (f *Faults) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (f *Faults) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return f.next(ctx, "a batch")
}

// TraceBatchQuery implements pgx.BatchTracer.
func (f *Faults) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (f *Faults) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/webhooks"
)

// client returns a client that is not started.
func (b *transitionBundle) client(s *store.Store) *Client {
	b.t.Helper()
	c, err := NewClient(s, nil, queue.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	c.SetLimits(Limits{Reuse: true, MaxRetention: 24 * time.Hour})
	b.t.Cleanup(c.Stop)
	return c
}

// faulty returns a store on the same database, and what has its statements fail, those up to the commit.
func (b *transitionBundle) faulty() (*store.Store, *testdb.Faults) {
	b.t.Helper()
	pool, faults := testdb.Faulty(b.t, b.store.Pool)
	faults.UntilCommit = true
	return store.Open(pool, b.store.Blocks, time.Hour), faults
}

// ofShape is a submission of random operands.
func ofShape(m, k, n int64) Submission {
	random := func(rows, cols int64) Operand {
		return Operand{Matrix: store.NewRandom(matrix.Shape{
			Rows:  rows,
			Cols:  cols,
			DType: matrix.Float64,
		}, 1)}
	}
	return Submission{
		A:        random(m, k),
		B:        random(k, n),
		Priority: DefaultPriority,
		Compute:  true,
	}
}

// submit submits it.
func (b *transitionBundle) submit(c *Client, s Submission) (m Multiplication) {
	b.t.Helper()
	_, err := b.inTx(func(tx *store.Tx) (_ bool, err error) {
		m, err = c.SubmitTx(b.t.Context(), tx.For(identity.DefaultTenant), s)
		return err == nil, err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// exec executes a statement.
func (b *transitionBundle) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.store.Pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatal(err)
	}
}

// begun returns the first job of a multiplication, as a worker gets it.
func (b *transitionBundle) begun(id uuid.UUID) *river.Job[TileArgs] {
	b.t.Helper()
	args, err := json.Marshal(TileArgs{MultiplicationID: id})
	if err != nil {
		b.t.Fatal(err)
	}
	row := &rivertype.JobRow{
		Kind:        TileArgs{}.Kind(),
		Queue:       queue.Tiles,
		EncodedArgs: args,
		Attempt:     1,
		MaxAttempts: queue.MaxAttempts,
	}
	const begin = `UPDATE river_job SET state = 'running', attempted_at = now(), attempt = 1, finalized_at = NULL,
		metadata = '{}'
		WHERE args->>'multiplication_id' = $1 AND args->>'tile' = '0' RETURNING id, attempted_at`
	if err := b.store.Pool.QueryRow(b.t.Context(), begin, id.String()).Scan(&row.ID, &row.AttemptedAt); err != nil {
		b.t.Fatal(err)
	}
	return &river.Job[TileArgs]{JobRow: row, Args: TileArgs{MultiplicationID: id}}
}

// TestFailedStatementsOfWork: no part of the work says that it has succeeded when one of its statements has not.
func TestFailedStatementsOfWork(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	s, faults := b.faulty()
	sound, c := b.client(b.store), b.client(s)
	w := &tileWorker{client: c}
	in := func(operation func(ctx context.Context, tx *store.Tx) error) func(context.Context) error {
		return func(ctx context.Context) error {
			return s.InTx(ctx, func(tx *store.Tx) error { return operation(ctx, tx) })
		}
	}
	four, many := ofShape(2600, 2, 2100), ofShape(100, 1e9, 100) // 764 parts, of which 500 have jobs at first
	whole := four
	whole.Compute = false
	whole.Retention = 2 * time.Hour
	whole.Webhook = "https://hooks.example.org/"
	own := b.store.For(identity.DefaultTenant)
	if _, _, err := webhooks.Create(t.Context(), own, webhooks.Order{URL: whole.Webhook, OnlyNamed: true}); err != nil {
		t.Fatal(err)
	}
	complete := func(s Submission) func(context.Context) error {
		job := b.begun(b.submit(sound, s).ID)
		return in(func(ctx context.Context, tx *store.Tx) error { return w.completeTx(ctx, tx, job, storedResult{}) })
	}
	for name, prepare := range map[string]func() func(context.Context) error{
		"submit": func() func(context.Context) error {
			s := fresh(whole)
			return in(func(ctx context.Context, tx *store.Tx) error {
				_, err := c.SubmitTx(ctx, tx.For(identity.DefaultTenant), s)
				return err
			})
		},
		"submit many tiles": func() func(context.Context) error {
			s := fresh(many)
			return in(func(ctx context.Context, tx *store.Tx) error {
				_, err := c.SubmitTx(ctx, tx.For(identity.DefaultTenant), s)
				return err
			})
		},
		"complete one of several tiles": func() func(context.Context) error { return complete(fresh(four)) },
		"complete one of many tiles":    func() func(context.Context) error { return complete(fresh(many)) },
		"complete the only tile":        func() func(context.Context) error { return complete(ofShape(1000, 2, 1000)) },
		"resume": func() func(context.Context) error {
			m := b.submit(sound, fresh(four))
			if err := sound.fail(t.Context(), ending{id: m.ID, reason: "a reason"}); err != nil {
				t.Fatal(err)
			}
			job := b.begun(m.ID)
			return in(func(ctx context.Context, tx *store.Tx) error { return w.resumeTx(ctx, tx, job.JobRow, m.ID) })
		},
		"feed": func() func(context.Context) error {
			m := b.submit(sound, fresh(many))
			return in(func(ctx context.Context, tx *store.Tx) error { return c.feedTx(ctx, tx, m.ID) })
		},
		"delete a matrix": func() func(context.Context) error {
			m := b.submit(sound, ofShape(0, 5, 5))
			b.exec("DELETE FROM multiplications WHERE id = $1", m.ID)
			return in(func(ctx context.Context, tx *store.Tx) error {
				return c.DeleteMatrixTx(ctx, tx.For(identity.DefaultTenant), m.B.ID)
			})
		},
		"cancel an inline one": func() func(context.Context) error {
			i := b.acceptInline(sound)
			return in(func(ctx context.Context, tx *store.Tx) error {
				return c.CancelTx(ctx, tx.For(identity.DefaultTenant), i.ID)
			})
		},
		"fail an inline one": func() func(context.Context) error {
			i := b.acceptInline(sound)
			return in(func(ctx context.Context, tx *store.Tx) error {
				m, err := c.lockTx(ctx, tx, i.ID)
				if err != nil {
					return err
				}
				return c.endTx(ctx, tx, m, ending{id: i.ID, transition: fail})
			})
		},
		"use an inline one": func() func(context.Context) error {
			part, err := own.Matrix(t.Context(), inline.PartA.ID(b.acceptInline(sound).ID))
			if err != nil {
				t.Fatal(err)
			}
			s := ofShape(3, 2, 2)
			s.B = Operand{Matrix: part, Stored: true}
			return in(func(ctx context.Context, tx *store.Tx) error {
				_, err := c.SubmitTx(ctx, tx.For(identity.DefaultTenant), s)
				return err
			})
		},
		"list": func() func(context.Context) error {
			return func(ctx context.Context) error {
				_, _, err := c.List(ctx, identity.DefaultTenant, Filter{}, nil, 10)
				return err
			}
		},
		"accept orders": func() func(context.Context) error {
			batch := c.NewBatch(identity.DefaultTenant, 1)
			defer batch.End()
			order, err := batch.NewOrder(small())
			if err != nil {
				t.Fatal(err)
			}
			return in(func(ctx context.Context, tx *store.Tx) error {
				_, err := c.SubmitAllTx(ctx, tx.For(identity.DefaultTenant), []Order{order})
				return err
			})
		},
		"reconcile": func() func(context.Context) error {
			return func(ctx context.Context) error { return c.reconcile(ctx, ever) }
		},
	} {
		faults.Each(t, name, prepare)
	}
}

// acceptInline accepts an inline multiplication.
func (b *transitionBundle) acceptInline(c *Client) inline.Multiplication {
	b.t.Helper()
	i, _, ok, err := c.Inline(identity.DefaultTenant, small())
	if err != nil || !ok {
		b.t.Fatalf("Inline() = %t, %v, want true", ok, err)
	}
	if err := c.Accept(b.t.Context(), queue.Offer{Multiplication: i})[0]; err != nil {
		b.t.Fatal(err)
	}
	return i
}

// small returns a submission whose operands come with it.
func small() Submission {
	operand := func() Operand {
		shape := matrix.Shape{
			Rows:  2,
			Cols:  2,
			DType: matrix.Float64,
		}
		return Operand{Matrix: store.NewContent(shape, make([]byte, shape.Bytes()))}
	}
	return Submission{
		A:        operand(),
		B:        operand(),
		Priority: DefaultPriority,
	}
}

// fresh returns a submission with operands that are not in the store.
func fresh(s Submission) Submission {
	s.A.Matrix.ID = store.NewID()
	s.B.Matrix.ID = store.NewID()
	return s
}

// TestFailing: a multiplication fails only while the cause stands, and only if it has not ended. That one has ended, or
// has failed before, is no error.
func TestFailing(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	m := b.submit(c, ofShape(2600, 2, 2100))
	broken := errors.New("broken")
	due := func(still bool, err error) func(context.Context, *store.Tx) (bool, error) {
		return func(context.Context, *store.Tx) (bool, error) { return still, err }
	}
	for _, test := range []struct {
		ending
		err   error
		state State
	}{
		{ending{id: store.NewID()}, store.ErrNotFound, Pending},
		{ending{id: m.ID, due: due(false, nil)}, nil, Pending},
		{ending{id: m.ID, due: due(true, broken)}, broken, Pending},
		{ending{id: m.ID, due: due(true, nil), reason: "the first"}, nil, Failed},
		{ending{id: m.ID, reason: "the second"}, nil, Failed},
	} {
		err := c.fail(t.Context(), test.ending)
		got, readErr := c.Get(t.Context(), identity.DefaultTenant, m.ID)
		if !errors.Is(err, test.err) || readErr != nil || got.State != test.state || got.Failure == "the second" {
			t.Errorf("%+v: %v; %v, it is %s: %s, want %v and %s", test.ending, err, readErr, got.State, got.Failure, test.err,
				test.state)
		}
	}
	b.exec("UPDATE multiplications SET state = 'completed', failure = NULL, tiles_completed = tiles_total")
	if err := c.fail(t.Context(), ending{id: m.ID}); err != nil {
		t.Errorf("of a completed one: %v, want nil", err)
	}
}

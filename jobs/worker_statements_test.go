package jobs

import (
	"context"
	"errors"
	"testing"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/objects"
)

// TestFailedStatementsOfTiles: nor does a tile that begins, or writes an output, nor what reads errors of attempts,
// counts processes, or deletes a part of an inline multiplication.
func TestFailedStatementsOfTiles(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	s, faults := b.faulty()
	sound, c := b.client(b.store), b.client(s)
	w := &tileWorker{client: c}
	four := func() Submission { return fresh(ofShape(2600, 2, 2100)) }
	for name, prepare := range map[string]func() func(context.Context) error{
		"begin": func() func(context.Context) error {
			job := b.begun(b.submit(sound, four()).ID)
			return func(ctx context.Context) error {
				m, err := w.load(ctx, job)
				if err != nil {
					return err
				}
				return w.start(ctx, job, m.Multiplication)
			}
		},
		"begin again": func() func(context.Context) error {
			m := b.submit(sound, four())
			if err := sound.fail(t.Context(), ending{id: m.ID, reason: "a reason"}); err != nil {
				t.Fatal(err)
			}
			job := b.begun(m.ID)
			return func(ctx context.Context) error {
				_, err := w.load(ctx, job)
				return err
			}
		},
		"complete with an output": func() func(context.Context) error {
			submission := four()
			submission.Output = &objects.Output{}
			job := b.begun(b.submit(sound, submission).ID)
			return func(ctx context.Context) error {
				return s.InTx(ctx, func(tx *store.Tx) error {
					return w.completeTx(ctx, tx, job, storedResult{output: &objects.Output{ETag: "a tag"}})
				})
			}
		},
		"read errors": func() func(context.Context) error {
			m := b.submit(sound, four())
			b.exec(`UPDATE river_job SET state = 'retryable', attempt = 1,
				errors = ARRAY[jsonb_build_object('at', now(), 'attempt', 1, 'error', 'lost', 'trace', '')]
				WHERE args->>'multiplication_id' = $1`, m.ID.String())
			return func(ctx context.Context) error {
				got, err := c.Get(ctx, identity.DefaultTenant, m.ID)
				if err == nil && len(got.Errors) == 0 {
					t.Error("no errors of attempts were read")
				}
				if errors.Is(err, store.ErrNotFound) { // nor does it say that there is none
					return nil
				}
				return err
			}
		},
		"count processes": func() func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := c.replicas(ctx)
				return err
			}
		},
		"delete a part": func() func(context.Context) error {
			part := inline.PartA.ID(b.acceptInline(sound).ID)
			return func(ctx context.Context) error {
				err := s.InTx(ctx, func(tx *store.Tx) error {
					return c.DeleteMatrixTx(ctx, tx.For(identity.DefaultTenant), part)
				})
				if errors.Is(err, ErrInUse) { // which is told when no statement fails
					return nil
				}
				return err
			}
		},
	} {
		faults.Each(t, name, prepare)
	}
}

// TestFailedStatementsOfOrders: nor does a request with many orders, of each kind, also when none may be inline.
func TestFailedStatementsOfOrders(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	s, faults := b.faulty()
	c := b.client(s)
	b.exec("INSERT INTO workers (id, schema_version) VALUES ('older', $1)", inline.Since-1)
	for name, submission := range map[string]func() Submission{
		"with tiles": func() Submission { return fresh(ofShape(2600, 2, 2100)) },
		"small":      small,
	} {
		faults.Each(t, name, func() func(context.Context) error {
			batch := c.NewBatch(identity.DefaultTenant, 1)
			defer batch.End()
			order, err := batch.NewOrder(submission())
			if err != nil {
				t.Fatal(err)
			}
			return func(ctx context.Context) error {
				return s.InTx(ctx, func(tx *store.Tx) error {
					_, err := c.SubmitAllTx(ctx, tx.For(identity.DefaultTenant), []Order{order})
					return err
				})
			}
		})
	}
}

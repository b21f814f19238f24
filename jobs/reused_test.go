package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// TestReusedOutlives: of several with one result each may be deleted, or expire, without harm to the others, in any
// order; the blocks go with the last.
func TestReusedOutlives(t *testing.T) {
	for name, end := range map[string]func(*testBundle, *jobs.Client, uuid.UUID) error{
		"deleted": (*testBundle).delete,
		"expired": func(b *testBundle, _ *jobs.Client, id uuid.UUID) error {
			b.exec(`WITH p AS (UPDATE multiplications SET expires_at = now() - interval '1 second' WHERE id = $1 RETURNING c)
				UPDATE matrices m SET expires_at = now() - interval '1 second' FROM p WHERE m.id = p.c`, id)
			_, err := b.store.SweepExpired(b.t.Context())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			c := b.reusing()
			first := b.must(c, four())
			b.ends(first.ID, jobs.Completed)
			_, want := b.result(first)
			left := []jobs.Multiplication{first, b.must(c, four()), b.must(c, four())}
			for _, gone := range []int{0, 1, 0} {
				if err := end(b, c, left[gone].ID); err != nil {
					t.Fatal(err)
				}
				left = slices.Delete(left, gone, gone+1)
				for _, m := range left {
					if _, got := b.result(m); !bytes.Equal(got, want) {
						t.Errorf("the result of %s has changed", m.ID)
					}
				}
				if len(left) == 0 {
					break
				}
				if m := b.must(c, four()); !m.Reused { // of what is left
					t.Error("what is left is not reused")
				} else if err := end(b, c, m.ID); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := b.store.SweepExpired(t.Context()); err != nil { // rows that were kept for others
				t.Fatal(err)
			}
			if owners, err := blocks.AllOwners(t.Context(), b.store.Blocks); err != nil || slices.Contains(owners, first.C.ID) {
				t.Errorf("blocks of %v, %v, want none of %s", owners, err, first.C.ID)
			}
			if m := b.must(c, four()); m.Reused {
				t.Error("it has a result that is gone")
			}
		})
	}
}

// TestReuseMeetsDeletion: of a deletion and a submission at the same time either the deletion is first, and the
// submission does not wait for it and is computed; or it waits for the submission, whose result stays.
func TestReuseMeetsDeletion(t *testing.T) {
	b := setup(t)
	c := b.reusing()
	first := b.must(c, four())
	b.ends(first.ID, jobs.Completed)
	_, want := b.result(first)
	undone := errors.New("undone")
	err := b.store.For(identity.DefaultTenant).InTx(t.Context(), func(tx *store.TenantTx) error {
		if err := c.DeleteTx(t.Context(), tx, first.ID); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
		defer cancel()
		return b.store.For(identity.DefaultTenant).InTx(ctx, func(other *store.TenantTx) error {
			m, err := c.SubmitTx(ctx, other, four())
			if m.Reused {
				t.Error("it has a result that is being deleted")
			}
			return errors.Join(err, undone)
		})
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	deleted := make(chan error, 1)
	var reused jobs.Multiplication
	err = b.store.For(identity.DefaultTenant).InTx(t.Context(), func(tx *store.TenantTx) (err error) {
		if reused, err = c.SubmitTx(t.Context(), tx, four()); err != nil || !reused.Reused {
			t.Errorf("reused %t, %v, want true", reused.Reused, err)
		}
		go func() { deleted <- b.delete(c, first.ID) }()
		const waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
		b.untilCount(1, waits)
		return err
	})
	if err = errors.Join(err, <-deleted); err != nil {
		t.Fatal(err)
	}
	if _, got := b.result(reused); !bytes.Equal(got, want) {
		t.Error("the result that was reused has changed with the deletion of the first")
	}
}

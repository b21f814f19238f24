package jobs

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/accept"
	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// A small multiplication whose operands come with its submission is inline: one row, which has the operands and later
// the result. Many are accepted in one transaction, computed by one job, and completed in one transaction. Whatever
// else happens to one, a failure, say, or a cancellation, happens after it was expanded: it has then the rows and the
// job of any other multiplication, and nothing distinguishes it from these.

// maxInlineBytes bounds the operands and the result of an inline multiplication together: three matrices whose contents
// would live in their rows.
const maxInlineBytes = 3 * store.MaxInline

// Inline returns the inline multiplication of a tenant that a submission asks for, and as what it is accepted. It
// reports false if the submission is none for which there can be one. Errors are those of Limits.Check, and
// admission.ErrOverloaded.
func (c *Client) Inline(t identity.TenantID, s Submission) (inline.Multiplication, Multiplication, bool, error) {
	i, ok, err := c.inlineOf(t, s)
	if ok {
		err = c.gate.Check(t, queue.Small)
	}
	if !ok || err != nil {
		return inline.Multiplication{}, Multiplication{}, false, err
	}
	return i, c.newInline(i), true, nil
}

// inlineOf is Inline without admission.
func (c *Client) inlineOf(t identity.TenantID, s Submission) (inline.Multiplication, bool, error) {
	a, b := s.A.Matrix, s.B.Matrix
	if s.Retention > 0 || s.Output != nil || s.Webhook != "" || c.webhooks.TellsSmall(t) ||
		!bringsContent(s.A) || !bringsContent(s.B) {
		return inline.Multiplication{}, false, nil
	}
	if err := c.limits.Check(a.Shape(), b.Shape(), s.MaxBytes); err != nil {
		return inline.Multiplication{}, false, err
	}
	plan := matrix.NewPlan(a.Rows, a.Cols, b.Cols)
	result := a.Shape().Times(b.Shape())
	size := a.Shape().Bytes() + b.Shape().Bytes() + result.Bytes()
	if !plan.Small() || size > maxInlineBytes || result.Bytes() > store.MaxInline {
		return inline.Multiplication{}, false, nil
	}
	i := inline.Multiplication{
		ID:       store.NewID(),
		TenantID: t,
		Priority: int16(s.Priority), //nolint:gosec // 1 to 4
		M:        plan.M,
		K:        plan.K,
		N:        plan.N,
		A:        a.DType,
		B:        b.DType,
		Operands: slices.Concat(a.Content, b.Content),
	}
	if s.Own {
		i.Urgency = DefaultPriority
	}
	i.Checksum = inline.Checksum(i.Operands)
	return i, true, nil
}

// ErrNotInline means that inline multiplications are not accepted, because a process of a version runs that does not
// know of them, or a webhook tells of them. Nothing was written: the multiplication is to be submitted as any other.
var ErrNotInline = accept.ErrNotInline

// Accept accepts inline multiplications: their rows and their jobs are committed when it returns nil. The result has
// one error for each: store.ErrKeyUsed when the key was used before; ErrNotInline; quota.Error.
func (c *Client) Accept(ctx context.Context, offers ...queue.Offer) []error {
	return c.gate.Accept(ctx, offers)
}

// bringsContent reports whether an operand comes with the submission and is small.
func bringsContent(o Operand) bool { return !o.Stored && len(o.Matrix.Content) > 0 }

// newInline returns an inline multiplication, without what the queue knows.
func (c *Client) newInline(i inline.Multiplication) Multiplication {
	m := newMultiplication(store.NewInline(i, c.store.Retention))
	m.A.Shape = i.Shape(inline.PartA)
	m.B.Shape = i.Shape(inline.PartB)
	if i.Job == 0 { // not accepted yet
		m.Jobs = queue.Group{ID: m.ID, Last: -1}
	}
	return m
}

// InlineResult returns the content of the result of an inline multiplication; nil if it is none, or not completed, or
// damaged: a request for the matrix itself is told.
func (m Multiplication) InlineResult() []byte {
	if m.inline == nil {
		return nil
	}
	content, _ := m.inline.Content(inline.PartC) // nil if it is damaged
	return content
}

// lockTx returns a multiplication, whose row stays locked until the end of the transaction. An inline one is expanded.
func (c *Client) lockTx(ctx context.Context, tx *store.Tx, id uuid.UUID) (Multiplication, error) {
	return lock(ctx, id, tx.LockMultiplication, func() error { return c.expandTx(ctx, tx, []uuid.UUID{id}) })
}

// lockOwnTx is lockTx for a multiplication of the tenant. Errors: store.ErrNotFound.
func (c *Client) lockOwnTx(ctx context.Context, tx *store.TenantTx, id uuid.UUID) (Multiplication, error) {
	return lock(ctx, id, tx.LockMultiplication, func() error { return c.expandOwnTx(ctx, tx, []uuid.UUID{id}) })
}

type locker func(context.Context, uuid.UUID) (store.Multiplication, error)

func lock(ctx context.Context, id uuid.UUID, find locker, expand func() error) (Multiplication, error) {
	row, err := find(ctx, id)
	if errors.Is(err, store.ErrNotFound) && inline.Maybe(id) {
		if err = expand(); err == nil {
			row, err = find(ctx, id) // also after another transaction has expanded it
		}
	}
	return newMultiplication(row), err
}

// expandOwnTx expands those of the given multiplications that are inline and of the tenant.
func (c *Client) expandOwnTx(ctx context.Context, tx *store.TenantTx, ids []uuid.UUID) error {
	found, err := tx.LockInline(ctx, ids)
	return c.expandFoundTx(ctx, tx.Tx(), found, err)
}

// expandOwnersTx expands the inline multiplications of the tenant that matrices are part of, so that the matrices have
// rows.
func (c *Client) expandOwnersTx(ctx context.Context, tx *store.TenantTx, matrices ...uuid.UUID) error {
	var owners []uuid.UUID
	for _, id := range matrices {
		if owner, _, ok := inline.Owner(id); ok {
			owners = append(owners, owner)
		}
	}
	if len(owners) == 0 {
		return nil
	}
	return c.expandOwnTx(ctx, tx, owners)
}

// expandTx gives those of the given multiplications that are inline rows of their own, and a job if they wait.
func (c *Client) expandTx(ctx context.Context, tx *store.Tx, ids []uuid.UUID) error {
	found, err := tx.LockInline(ctx, ids)
	return c.expandFoundTx(ctx, tx, found, err)
}

func (c *Client) expandFoundTx(ctx context.Context, tx *store.Tx, found []inline.Multiplication, err error) error {
	if err != nil || len(found) == 0 {
		return err
	}
	if _, err := c.queue.ExpandTx(ctx, tx, inline.IDs(found)); err != nil {
		return err
	}
	return tx.SaveDigests(ctx, found)
}

// expand expands inline multiplications that wait: each gets a job of its own.
func (c *Client) expand(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return persist.Do(ctx, func(ctx context.Context) error {
		return c.store.InTx(ctx, func(tx *store.Tx) error { return c.expandTx(ctx, tx, ids) })
	})
}

package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/admission"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// Order is a submission that is accepted together with others.
type Order struct {
	inline inline.Multiplication // if tiles is nil
	tiles  *Submission
}

// Batch is a request with many orders of a tenant. End must be called when they are accepted or refused.
type Batch struct {
	*admission.Batch
	client *Client
}

// NewBatch returns a batch of about so many orders.
func (c *Client) NewBatch(t identity.TenantID, expected int) Batch {
	return Batch{client: c, Batch: c.gate.NewBatch(t, expected)}
}

// NewOrder returns the order for a submission. Operands that are not stored may lack id and digest. Errors are those of
// Limits.Check, and admission.ErrOverloaded, which is for the whole batch.
func (b Batch) NewOrder(s Submission) (Order, error) {
	i, ok, err := b.client.inlineOf(b.Tenant, s)
	if ok {
		err = b.CheckSmall()
	}
	if err != nil || ok {
		return Order{inline: i}, err
	}
	if err := b.client.Admit(b.Tenant, s); err != nil {
		return Order{}, err
	}
	for _, o := range []*Operand{&s.A, &s.B} {
		if o.Matrix.ID == uuid.Nil {
			o.Matrix.ID = store.NewID()
			o.Matrix.Digest = npy.Digest(o.Matrix.Shape(), o.Matrix.Content)
		}
	}
	return Order{tiles: &s}, nil
}

// Inline reports whether the order is one for an inline multiplication. These are accepted faster.
func (o Order) Inline() bool { return o.tiles == nil }

// Bytes returns the size of the operands that come with the order.
func (o Order) Bytes() int {
	if o.Inline() {
		return len(o.inline.Operands)
	}
	return len(o.tiles.A.Matrix.Content) + len(o.tiles.B.Matrix.Content)
}

// Accepted is what has become of an order: a multiplication, or an error of that order alone.
type Accepted struct {
	ID     uuid.UUID
	State  State
	Reused bool // it has the result of an earlier one
	Bytes  int  // that it takes to read it with its result, if that is small
	Err    error
}

// SubmitAllTx accepts those orders that can be accepted, as SubmitTx does. One that cannot be accepted leaves nothing.
func (c *Client) SubmitAllTx(ctx context.Context, tx *store.TenantTx, orders []Order) ([]Accepted, error) {
	all := make([]Accepted, len(orders))
	offers := make([]queue.Offer, 0, len(orders))
	var err error
	for n, o := range orders {
		if o.Inline() {
			if err := c.gate.Reserve(o.inline); err != nil {
				all[n].Err = err
				continue
			}
			offers = append(offers, queue.Offer{Multiplication: o.inline})
			all[n] = Accepted{
				ID:    o.inline.ID,
				State: Pending,
				Bytes: len(o.inline.Operands) + int(o.inline.Shape(inline.PartC).Bytes()),
			}
			continue
		}
		if all[n], err = c.submitOneTx(ctx, tx, *o.tiles); err != nil {
			return nil, err
		}
	}
	if len(offers) == 0 {
		return all, nil
	}
	known, err := c.queue.AcceptTx(ctx, tx.Tx(), c.acceptor.Bundles(offers))
	switch {
	case err != nil:
		return nil, err
	case known:
		tx.Tx().AfterCommit(func() { c.acceptor.Note(offers) })
		return all, nil
	}
	for n, o := range orders {
		if o.Inline() && all[n].Err == nil {
			if all[n], err = c.submitOneTx(ctx, tx, spelledOut(o.inline)); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// submitOneTx submits a multiplication, and takes back what was written of one that cannot be accepted.
func (c *Client) submitOneTx(ctx context.Context, tx *store.TenantTx, s Submission) (Accepted, error) {
	var m Multiplication
	err := pgx.BeginFunc(ctx, tx.Tx().Pgx(), func(pgx.Tx) (err error) { // a savepoint
		m, err = c.SubmitTx(ctx, tx, s)
		return err
	})
	if err != nil && admission.OfOrder(err) {
		return Accepted{Err: err}, nil
	}
	accepted := Accepted{
		ID:     m.ID,
		State:  m.State,
		Reused: m.Reused,
	}
	if size := m.C.Shape.Bytes(); size <= store.MaxInline {
		accepted.Bytes = int(size)
	}
	return accepted, err
}

// spelledOut returns the submission of an inline multiplication that cannot be accepted as such.
func spelledOut(i inline.Multiplication) Submission {
	operand := func(p inline.Part) Operand {
		content, _ := i.Content(p) // which cannot be damaged yet
		return Operand{Matrix: store.NewContent(i.Shape(p), content)}
	}
	return Submission{
		A:        operand(inline.PartA),
		B:        operand(inline.PartB),
		Priority: int(i.Priority),
	}
}

package jobs

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/history"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// reader is the store, or a transaction.
type reader interface {
	SendBatch(ctx context.Context, batch *pgx.Batch) error
}

// Get returns a multiplication of a tenant as it is now. Errors: store.ErrNotFound.
func (c *Client) Get(ctx context.Context, t identity.TenantID, id uuid.UUID) (Multiplication, error) {
	return c.get(ctx, c.store, identity.Owned{Tenant: t, ID: id})
}

// GetTx is Get inside a transaction.
func (c *Client) GetTx(ctx context.Context, tx *store.TenantTx, id uuid.UUID) (Multiplication, error) {
	return c.get(ctx, tx.Tx(), identity.Owned{Tenant: tx.ID(), ID: id})
}

// GetAll returns multiplications as they are now, in the given order. Those that do not exist, or are not of their
// tenant, are left out.
func (c *Client) GetAll(ctx context.Context, owned []identity.Owned) ([]Multiplication, error) {
	return c.getAll(ctx, c.store, owned)
}

// Filter says which multiplications a list has. The zero value matches each.
type Filter struct {
	States []State // any of these; empty: any
	store.Filter
}

// List returns up to limit multiplications of a tenant that match a filter, newest first, from just behind a position
// on; the first page is behind nil. It returns the position of the last one, nil when no more follow.
func (c *Client) List(
	ctx context.Context, t identity.TenantID, f Filter, behind *store.Position, limit int,
) ([]Multiplication, *store.Position, error) {
	if len(f.States) == 0 {
		f.States = States()
	}
	f.Filter.States = make([]string, len(f.States))
	for i, s := range f.States {
		f.Filter.States[i] = string(s)
	}
	ids, next, err := c.store.For(t).Page(ctx, f.Filter, behind, limit)
	if err != nil {
		return nil, nil, err
	}
	page, err := c.GetAll(ctx, identity.Of(t, ids...))
	return page, next, err
}

func (c *Client) get(ctx context.Context, r reader, o identity.Owned) (Multiplication, error) {
	found, err := c.getAll(ctx, r, []identity.Owned{o})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("multiplication %s: %w", o.ID, store.ErrNotFound)
	}
	if err != nil {
		return Multiplication{}, err
	}
	return found[0], nil
}

// getAll reads multiplications in the given order.
func (c *Client) getAll(ctx context.Context, r reader, owned []identity.Owned) ([]Multiplication, error) {
	if len(owned) == 0 {
		return nil, nil
	}
	found, err := c.inline(ctx, r, owned)
	if err != nil {
		return nil, err
	}
	// Those that are not inline are looked for afterwards: one may be expanded in between, never the other way round.
	var rest []identity.Owned
	for _, o := range owned {
		if _, ok := found[o]; !ok {
			rest = append(rest, o)
		}
	}
	if err := tiled(ctx, r, rest, found); err != nil {
		return nil, err
	}
	all := make([]Multiplication, 0, len(found))
	for _, o := range owned {
		if m, ok := found[o]; ok {
			all = append(all, m)
		}
	}
	return all, nil
}

// inline reads those of several multiplications that are inline.
func (c *Client) inline(
	ctx context.Context, r reader, owned []identity.Owned,
) (map[identity.Owned]Multiplication, error) {
	found := make(map[identity.Owned]Multiplication, len(owned))
	maybe := slices.DeleteFunc(slices.Clone(owned), func(o identity.Owned) bool { return !inline.Maybe(o.ID) })
	if len(maybe) == 0 {
		return found, nil
	}
	var batch pgx.Batch
	inline.GenericPlans(&batch)
	progress := queue.BatchInlineProgress(&batch, identity.IDs(maybe))
	small := inline.Batch(&batch, maybe)
	if err := r.SendBatch(ctx, &batch); err != nil {
		return nil, fmt.Errorf("reading inline multiplications: %w", err)
	}
	for _, i := range *small {
		m := c.newInline(i)
		m.Progress = progress[i.ID]
		m.inline = &i
		if m.State == Completed {
			m.Progress = queue.Progress{Attempts: 1}
		}
		found[identity.Owned{Tenant: m.Tenant, ID: m.ID}] = m
	}
	return found, nil
}

// tiled adds multiplications that are not inline to those that were found. It reads rows and progress in one round
// trip. The rows come first: a tile that is completed in between is missing in both, where it would otherwise be
// counted as completed and as running. Few multiplications have errors, which take another round trip.
func tiled(
	ctx context.Context, r reader, owned []identity.Owned, found map[identity.Owned]Multiplication,
) error {
	if len(owned) == 0 {
		return nil
	}
	var batch pgx.Batch
	inline.GenericPlans(&batch)
	details := store.BatchDetails(&batch, owned)
	progress := queue.BatchProgress(&batch, identity.IDs(owned))
	if err := r.SendBatch(ctx, &batch); err != nil {
		return fmt.Errorf("reading multiplications: %w", err)
	}
	errs, err := history.Errors(ctx, r.SendBatch, progress)
	if err != nil {
		return err
	}
	for _, d := range *details {
		m := newMultiplication(d.Multiplication)
		m.A.Shape.DType = d.ADType
		m.B.Shape.DType = d.BDType
		m.Progress = progress[m.ID]
		if !m.Reused { // their jobs may be gone, or have been those of bundles
			m.Progress.Attempts = max(m.Progress.Attempts, m.TilesCompleted)
		}
		m.Errors = errs[m.ID]
		found[identity.Owned{Tenant: m.Tenant, ID: m.ID}] = m
	}
	return nil
}

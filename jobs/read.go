package jobs

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// reader is the store, or a transaction.
type reader interface {
	SendBatch(ctx context.Context, batch *pgx.Batch) error
}

// Get returns a multiplication as it is now. Errors: store.ErrNotFound.
func (c *Client) Get(ctx context.Context, id uuid.UUID) (Multiplication, error) {
	return c.get(ctx, c.store, id)
}

// GetTx is Get inside a transaction.
func (c *Client) GetTx(ctx context.Context, tx *store.Tx, id uuid.UUID) (Multiplication, error) {
	return c.get(ctx, tx, id)
}

// GetAll returns multiplications as they are now, in the order of their ids. Those that do not exist are left out.
func (c *Client) GetAll(ctx context.Context, ids []uuid.UUID) ([]Multiplication, error) {
	return c.getAll(ctx, c.store, ids)
}

// Filter says which multiplications a list has. The zero value matches each.
type Filter struct {
	States []State // any of these; empty: any
	store.Filter
}

// List returns up to limit multiplications that match a filter, newest first, from just behind a position on; the
// first page is behind nil. It returns the position of the last one, nil when no more follow.
func (c *Client) List(
	ctx context.Context, f Filter, behind *store.Position, limit int,
) ([]Multiplication, *store.Position, error) {
	if len(f.States) == 0 {
		f.States = States()
	}
	f.Filter.States = make([]string, len(f.States))
	for i, s := range f.States {
		f.Filter.States[i] = string(s)
	}
	ids, next, err := c.store.Page(ctx, f.Filter, behind, limit)
	if err != nil {
		return nil, nil, err
	}
	page, err := c.GetAll(ctx, ids)
	return page, next, err
}

func (c *Client) get(ctx context.Context, r reader, id uuid.UUID) (Multiplication, error) {
	found, err := c.getAll(ctx, r, []uuid.UUID{id})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("multiplication %s: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return Multiplication{}, err
	}
	return found[0], nil
}

// getAll reads multiplications in the order of their ids.
func (c *Client) getAll(ctx context.Context, r reader, ids []uuid.UUID) ([]Multiplication, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := c.inline(ctx, r, ids)
	if err != nil {
		return nil, err
	}
	// Those that are not inline are looked for afterwards: one may be expanded in between, never the other way round.
	var rest []uuid.UUID
	for _, id := range ids {
		if _, ok := found[id]; !ok {
			rest = append(rest, id)
		}
	}
	if err := tiled(ctx, r, rest, found); err != nil {
		return nil, err
	}
	all := make([]Multiplication, 0, len(found))
	for _, id := range ids {
		if m, ok := found[id]; ok {
			all = append(all, m)
		}
	}
	return all, nil
}

// inline reads those of several multiplications that are inline.
func (c *Client) inline(ctx context.Context, r reader, ids []uuid.UUID) (map[uuid.UUID]Multiplication, error) {
	found := make(map[uuid.UUID]Multiplication, len(ids))
	maybe := inline.Candidates(ids)
	if len(maybe) == 0 {
		return found, nil
	}
	var batch pgx.Batch
	inline.GenericPlans(&batch)
	progress := queue.BatchInlineProgress(&batch, maybe)
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
		found[m.ID] = m
	}
	return found, nil
}

// tiled adds multiplications that are not inline to those that were found. It reads rows and progress in one round
// trip. The rows come first: a tile that is completed in between is missing in both, where it would otherwise be
// counted as completed and as running. Few multiplications have errors, which take another round trip.
func tiled(ctx context.Context, r reader, ids []uuid.UUID, found map[uuid.UUID]Multiplication) error {
	if len(ids) == 0 {
		return nil
	}
	var batch pgx.Batch
	details := store.BatchDetails(&batch, ids)
	progress := queue.BatchProgress(&batch, ids)
	if err := r.SendBatch(ctx, &batch); err != nil {
		return fmt.Errorf("reading multiplications: %w", err)
	}
	errs, err := failures(ctx, r, progress)
	if err != nil {
		return err
	}
	for _, d := range *details {
		m := newMultiplication(d.Multiplication)
		m.A.Shape.DType = d.ADType
		m.B.Shape.DType = d.BDType
		m.Progress = progress[m.ID]
		// Their jobs may be gone, or have been those of bundles.
		m.Progress.Attempts = max(m.Progress.Attempts, m.TilesCompleted)
		m.Errors = errs[m.ID]
		found[m.ID] = m
	}
	return nil
}

// failures reads the errors of those multiplications that have some.
func failures(
	ctx context.Context, r reader, progress map[uuid.UUID]queue.Progress,
) (map[uuid.UUID][]queue.Error, error) {
	var failing []uuid.UUID
	for id, p := range progress {
		if p.Failures > 0 {
			failing = append(failing, id)
		}
	}
	if len(failing) == 0 {
		return nil, nil
	}
	var batch pgx.Batch
	errs := queue.BatchErrors(&batch, failing, maxErrorsShown)
	if err := r.SendBatch(ctx, &batch); err != nil {
		return nil, fmt.Errorf("reading the errors of multiplications: %w", err)
	}
	return errs, nil
}

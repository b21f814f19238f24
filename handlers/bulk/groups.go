package bulk

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// The bounds of what one transaction accepts.
const (
	maxGroup      = 1000 // orders
	maxGroupTiles = 32   // orders that are not inline, which take several statements each
	maxGroupBytes = 4 << 20
)

// complete reports whether there is an outcome of each order.
func (b *batch) complete() bool { return b.first != nil && len(b.outcomes) == b.total }

// takeOver takes over what is saved of the request: by an earlier one with the same key, or by one that is under way.
func (b *batch) takeOver(ctx context.Context) error {
	for b.request.Key != "" && !b.complete() {
		saved, err := b.service.Store.IdempotencyKey(ctx, b.groupKey())
		if err != nil || saved == nil {
			return err
		}
		if saved.Location != b.request.Path {
			return usedKey(saved)
		}
		if b.first == nil {
			b.first = saved
		}
		group, err := parseGroup(saved.Body)
		if err != nil {
			return err
		}
		b.total = group.Total
		b.outcomes = append(b.outcomes, group.outcomes()...)
	}
	return nil
}

// groupKey returns the key of the group that begins with the next order. The key of a client has no line feed.
func (b *batch) groupKey() string {
	if len(b.outcomes) == 0 {
		return b.request.Key
	}
	return b.request.Key + "\n" + strconv.Itoa(len(b.outcomes))
}

// checkFingerprint checks that what was taken over is of the same request. The body must have been read.
func (b *batch) checkFingerprint() error {
	if b.first == nil || bytes.Equal(b.first.Fingerprint, b.request.Fingerprint()) {
		return nil
	}
	return usedKey(b.first)
}

func usedKey(first *store.IdempotencyKey) error {
	return fmt.Errorf("%w, of %s", payload.ErrKeyReused, first.CreatedAt.UTC().Format(time.RFC3339))
}

// accept accepts the orders that have no outcome yet.
func (b *batch) accept(ctx context.Context) error {
	for len(b.outcomes) < len(b.orders) {
		outcomes, err := b.acceptGroup(ctx, b.nextGroup())
		switch {
		case err == nil:
			b.accepted = true
			b.outcomes = append(b.outcomes, outcomes...)
		case b.request.Key != "":
			if err := b.recover(ctx, err); err != nil {
				return err
			}
		case !b.accepted:
			return err
		default:
			b.refuseRest(ctx, err)
		}
	}
	return nil
}

// nextGroup returns the orders that the next transaction accepts.
func (b *batch) nextGroup() []order {
	rest := b.orders[len(b.outcomes):]
	tiles, size := 0, 0
	for n, o := range rest {
		if o.problem != nil {
			continue
		}
		if !o.Inline() {
			tiles++
		}
		size += o.Bytes()
		if n > 0 && (n == maxGroup || tiles > maxGroupTiles || size > maxGroupBytes) {
			return rest[:n]
		}
	}
	return rest
}

// acceptGroup accepts a group in one transaction, which saves the outcomes if the request has a key.
func (b *batch) acceptGroup(ctx context.Context, group []order) ([]outcome, error) {
	leave, err := b.service.Lanes.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var outcomes []outcome
	err = b.service.Store.InTx(ctx, func(tx *store.TenantTx) (err error) {
		if outcomes, err = b.submitTx(ctx, tx, group); err != nil || b.request.Key == "" {
			return err
		}
		body, err := newGroup(len(b.orders), outcomes).text()
		if err != nil {
			return err
		}
		return tx.SaveIdempotencyKey(ctx, store.IdempotencyKey{
			Key:         b.groupKey(),
			Fingerprint: b.request.Fingerprint(),
			Status:      http.StatusOK,
			Location:    b.request.Path,
			Body:        body,
		})
	})
	return outcomes, err
}

// submitTx submits the orders of a group that have no problem.
func (b *batch) submitTx(ctx context.Context, tx *store.TenantTx, group []order) ([]outcome, error) {
	orders := make([]jobs.Order, 0, len(group))
	for _, o := range group {
		if o.problem == nil {
			orders = append(orders, o.Order)
		}
	}
	accepted, err := b.service.Jobs.SubmitAllTx(ctx, tx, orders)
	if err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(group))
	for i, o := range group {
		if o.problem != nil {
			outcomes[i].problem = o.problem
			continue
		}
		outcomes[i].Accepted = accepted[0]
		accepted = accepted[1:]
		if err := outcomes[i].Err; err != nil {
			outcomes[i].problem = b.service.problem(ctx, err)
		}
	}
	return outcomes, nil
}

// recover takes over what is saved after a transaction has failed: another request with the key was faster, or the
// commit has succeeded and the connection was lost before the database could report it. Otherwise it returns err:
// what was accepted is saved, and a repetition goes on.
func (b *batch) recover(ctx context.Context, err error) error {
	before := len(b.outcomes)
	if e := b.takeOver(ctx); e != nil {
		return e
	}
	if len(b.outcomes) == before {
		return err
	}
	return b.checkFingerprint()
}

// refuseRest gives the orders that have no outcome a problem: those before them are accepted, and the client must know.
func (b *batch) refuseRest(ctx context.Context, err error) {
	problem := b.service.problem(ctx, err)
	for _, o := range b.orders[len(b.outcomes):] {
		if o.problem == nil {
			o.problem = problem
		}
		b.outcomes = append(b.outcomes, outcome{problem: o.problem})
	}
}

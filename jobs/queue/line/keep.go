package line

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue/internal/db"
)

// keep brings the line in order.
func (k *Keeper) keep(ctx context.Context, l *Line) (moved bool, err error) {
	err = errors.Join(k.db.AdvanceClocks(ctx), k.adopt(ctx))
	if len(l.gone) > 0 {
		err = errors.Join(err, k.db.DeletePlaces(ctx, l.gone))
	}
	tenants := l.tenants()
	err = errors.Join(err, k.save(ctx, tenants))
	for _, m := range l.moves(tenants) {
		rows, failed := k.db.Place(ctx, m.id, m.step, false)
		moved = moved || rows > 0
		err = errors.Join(err, failed)
	}
	if err != nil {
		err = fmt.Errorf("keeping the line: %w", err)
	}
	return moved, err
}

// adopt takes the multiplications into the line whose tiles wait without a place. They get places with the next look.
func (k *Keeper) adopt(ctx context.Context) error {
	strangers, err := k.db.ListStrangers(ctx, maxStrangers)
	for _, s := range strangers {
		_, failed := k.db.JoinLine(ctx, db.JoinLineParams{
			ID:       s.ID,
			Tenant:   s.TenantID,
			Priority: s.Priority,
			Share:    1,
			Cost:     float32(Cost(s.Flops)),
		})
		err = errors.Join(err, failed)
	}
	return err
}

// tenant is one of a priority.
type tenant struct {
	id       identity.TenantID
	priority int
}

// crowd is what a tenant has in line.
type crowd struct {
	shares float64 // of the multiplications with tiles that wait
	all    float64 // of all
}

// tenants sums up the shares of the tenants.
func (l *Line) tenants() map[tenant]crowd {
	all := map[tenant]crowd{}
	for _, f := range l.Flows {
		key := tenant{id: f.Tenant, priority: f.Priority}
		c := all[key]
		c.all += f.Share
		if f.Waiting > 0 {
			c.shares += f.Share
		}
		all[key] = c
	}
	return all
}

// save tells those that submit what the tenants have in line.
func (k *Keeper) save(ctx context.Context, tenants map[tenant]crowd) error {
	var params db.SaveTenantsParams
	for t, c := range tenants {
		params.Tenants = append(params.Tenants, int32(t.id))
		params.Priorities = append(params.Priorities, int16(t.priority)) //nolint:gosec // 1 to 4
		params.Shares = append(params.Shares, float32(c.shares))
		params.Waiting = append(params.Waiting, float32(c.shares/c.all))
	}
	return k.db.SaveTenants(ctx, params)
}

// move is how far apart the tiles of a multiplication are to be.
type move struct {
	id   uuid.UUID
	step float64
	by   float64 // how wrong it is now
	jobs int64
}

// moves returns what stands too dense or too far apart, the worst first, up to a number of tiles.
func (l *Line) moves(tenants map[tenant]crowd) []move {
	var all []move
	for _, f := range l.Flows {
		if f.Waiting == 0 {
			continue
		}
		m := move{
			id:   f.ID,
			step: min(maxStep, f.Cost*tenants[tenant{id: f.Tenant, priority: f.Priority}].shares/f.Share/f.Weight),
			by:   math.Inf(1),
			jobs: f.Waiting - f.Unqueued,
		}
		if f.Step > 0 {
			m.by = max(m.step/f.Step, f.Step/m.step) - 1
		}
		tolerated := tolerance
		if f.Waiting == 1 {
			tolerated = toleranceOfOne
		}
		if m.by > tolerated {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(x, y move) int {
		if x.by != y.by {
			if x.by > y.by {
				return -1
			}
			return 1
		}
		return slices.Compare(x.id[:], y.id[:])
	})
	var jobs int64
	for i, m := range all {
		if jobs += m.jobs; jobs > maxMoved && i > 0 {
			return all[:i]
		}
	}
	return all
}

// maxStep bounds how far apart tiles are, in virtual seconds, as function line_step does.
const maxStep = 1e7

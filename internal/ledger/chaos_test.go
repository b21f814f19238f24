package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// chaosLoad begins the clients of a run.
func (c *chaos) chaosLoad(b *book) *load {
	l := c.d.newLoad(b)
	l.repeats = true
	l.target = func() string { return c.fleet.apis[rand.IntN(chaosAPIs)].address }
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(c.d.t.Context()))
	again := shared()
	for _, next := range []func() order{
		small, small, awaited, awaited, withdrawn, with(cancelled, small), with(deleted, awaited), formed, stored, with(deleted, stored),
		again, with(deleted, again), with(deleted, large), with(cancelled, large), regretted, with(deleted, heavy), with(deleted, heavy),
	} {
		l.clients.Go(func() { l.run(ctx, next) })
	}
	l.clients.Go(func() {
		for !l.stop.Load() && ctx.Err() == nil {
			if err := l.bulk(ctx); err != nil && ctx.Err() == nil {
				b.complain(fmt.Errorf("a batch: %w", err))
			}
			pause(ctx, 100*time.Millisecond)
		}
	})
	return l
}

// scaled returns a number of the short form of the chaos, or of a run of minutes.
func scaled[T any](short, long T) T {
	if *chaosFlag > time.Minute {
		return long
	}
	return short
}

// TestChaos: under a schedule of faults that a seed decides, nothing that was accepted is lost, wrong or there twice.
// `make chaos` runs it for minutes.
func TestChaos(t *testing.T) {
	lease := scaled(2*time.Second, 10*time.Second)
	faults := schedule(*seedFlag, *chaosFlag, lease)
	t.Logf("seed %d, %s, lease %s:\n%s", *seedFlag, *chaosFlag, lease, text(faults))
	d := prepare(t, "MILLRACE_LEASE="+lease.String())
	c := &chaos{
		d:          d,
		fleet:      d.newFleet(""),
		recoveries: &recoveries{samples: map[string][]recovery{}},
	}
	b := newBook()
	l := c.chaosLoad(b)
	defer l.end(0)
	until(t, "the load runs", func() bool { return b.count() > 5 })
	looking, stop := context.WithCancel(t.Context())
	defer stop()
	c.play(looking, faults, *chaosFlag)
	took := l.end(quietPeriod)
	stop()
	c.recoveries.looking.Wait()
	r := b.reckon(d.cluster)
	c.fleet.stop()
	t.Logf("\nSeed %d: %d faults in %s with a lease of %s; all ended %s after the last one.\n\n%s\n%s",
		*seedFlag, len(faults), *chaosFlag, lease, took.Round(10*time.Millisecond), r.table(), c.recoveries.table())
	for _, problem := range r.problems {
		t.Error(problem)
	}
}

// quietPeriod bounds the time after the last fault in which all that was accepted ends.
const quietPeriod = 2 * time.Minute

// reckoning is the ledger of a run.
type reckoning struct {
	accepted, completed, cancelled, deleted, inline int
	checked                                         int64
	wrong, lost, twice, failed, faults              int
	refused                                         map[int]int
	attempts, crashes                               int64
	problems                                        []string
}

// reckon compares the book with the database.
func (b *book) reckon(c *cluster) *reckoning {
	c.t.Helper()
	r := &reckoning{
		accepted: len(b.accepted),
		checked:  b.checked.Load(),
		refused:  b.refused,
	}
	rows := list[balance](c, balances)
	uneven := list[struct{ ID string }](c, unevenEvents)
	for _, err := range b.complaints {
		switch {
		case errors.Is(err, errWrong):
			r.problem(&r.wrong, "wrong: %v", err)
		case errors.Is(err, errTwice):
			r.problem(&r.twice, "twice: %v", err)
		default:
			r.problem(&r.faults, "fault: %v", err)
		}
	}
	found := map[string]bool{}
	for _, row := range rows {
		o, known := b.accepted[row.ID]
		if !known || found[row.ID] {
			r.problem(&r.twice, "twice: %+v, accepted %t", row, known)
			continue
		}
		found[row.ID] = true
		r.enter(row, o, b)
	}
	for id, o := range b.accepted {
		if b.deleted[id] {
			r.deleted++
		} else if !found[id] {
			r.problem(&r.lost, "lost: %s %s", o.kind, id)
		}
	}
	for _, row := range uneven {
		if o := b.accepted[row.ID]; !o.regretted && o.fate == kept {
			r.problem(&r.twice, "the events of %s have gaps, or repetitions", row.ID)
		}
	}
	return r
}

func (r *reckoning) problem(count *int, format string, args ...any) {
	*count++
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// enter enters a multiplication that the database has.
func (r *reckoning) enter(row balance, o order, b *book) {
	if row.Inline {
		r.inline++
	}
	r.attempts += row.Attempts
	r.crashes += row.Crashes
	switch {
	case b.deleted[row.ID]:
		r.problem(&r.twice, "there although it was deleted: %+v", row)
	case row.State == "cancelled" && o.fate == cancelled:
		r.cancelled++
	case row.State == "failed":
		r.problem(&r.failed, "failed: %s %+v, %+v", o.kind, row, b.ended[row.ID])
	case row.State != "completed":
		r.problem(&r.lost, "not ended: %s %+v, its client has seen %+v", o.kind, row, b.ended[row.ID])
	default:
		r.completed++
		if problem := o.judge(row); problem != "" {
			r.problem(&r.twice, "%s: %s %+v", problem, o.kind, row)
		}
	}
}

// table returns the ledger as Markdown.
func (r *reckoning) table() string {
	var refused []string
	for status, n := range r.refused {
		refused = append(refused, fmt.Sprintf("%d × %d", n, status))
	}
	slices.Sort(refused)
	return fmt.Sprintf(`| | |
|---|---|
| accepted | %d |
| completed, cancelled, deleted | %d, %d, %d |
| inline at the end | %d |
| results that were compared with the definition | %d |
| wrong, lost, twice, failed | %d, %d, %d, %d |
| other faults: statuses, connections, processes | %d |
| refused and repeated, by status | %s |
| attempts, crashes that were counted | %d, %d |
`, r.accepted, r.completed, r.cancelled, r.deleted, r.inline, r.checked, r.wrong, r.lost, r.twice, r.failed, r.faults,
		strings.Join(refused, ", "), r.attempts, r.crashes)
}

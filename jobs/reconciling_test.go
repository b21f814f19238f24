package jobs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/admission"
	"github.com/millrace/millrace/jobs/queue/line"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/retention"
)

// noneFails keeps each multiplication from failing.
const noneFails = "ALTER TABLE multiplications ADD CONSTRAINT none_fails CHECK (state <> 'failed')"

// TestReconciling: what waits for jobs that were stopped, or are not there, fails and says why. That it could not be
// written is an error, and the next pass goes on.
func TestReconciling(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	tiled := func() uuid.UUID { return b.submit(c, ofShape(2600, 2, 2100)).ID }
	inline := func() uuid.UUID { return b.acceptInline(c).ID }
	for name, test := range map[string]struct {
		make func() uuid.UUID
		stop string
		want string
	}{
		"tiles cancelled": {
			tiled, "UPDATE river_job SET state = 'cancelled', finalized_at = now() WHERE args->>'tile' <> '1'", " was cancelled",
		},
		"a tile discarded":     {tiled, "UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE args->>'tile' = '1'", "tile 1 was discarded"},
		"its jobs deleted":     {tiled, "DELETE FROM river_job", "its jobs ended without a result"},
		"its bundle cancelled": {inline, "UPDATE river_job SET state = 'cancelled', finalized_at = now()", "the job of its bundle was cancelled"},
		"its bundle deleted":   {inline, "DELETE FROM river_job", "the job of its bundle ended without a result"},
	} {
		id := test.make()
		b.exec(test.stop)
		b.exec(noneFails)
		err := c.reconcile(t.Context(), ever)
		if err == nil || name == "tiles cancelled" && strings.Count(err.Error(), "none_fails") != 1 {
			t.Errorf("%s: reconcile() that cannot write = %v, want an error, one of a multiplication", name, err)
		}
		b.exec("ALTER TABLE multiplications DROP CONSTRAINT none_fails")
		if err := c.reconcile(t.Context(), ever); err != nil {
			t.Errorf("%s: reconcile() = %v, want nil", name, err)
		}
		got, err := c.Get(t.Context(), identity.DefaultTenant, id)
		if err != nil || got.State != Failed || !strings.Contains(got.Failure, test.want) {
			t.Errorf("%s: it is %s: %q, %v, want it failed: %s", name, got.State, got.Failure, err, test.want)
		}
		b.exec("DELETE FROM river_job")
		b.exec("DELETE FROM multiplications")
	}
}

// TestAdmit: while a tenant has too much in line, its next submissions are refused, but not small ones, nor those of
// others.
func TestAdmit(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	c.SetLimits(Limits{Queued: admission.Limits{Tiles: time.Second}})
	four := ofShape(2600, 2, 2100)
	want := func(when string, tenant identity.TenantID, s Submission, want error) {
		t.Helper()
		if err := c.Admit(tenant, s); !errors.Is(err, want) {
			t.Errorf("%s: Admit() = %v, want %v", when, err, want)
		}
	}
	want("an empty line", identity.DefaultTenant, four, nil)
	b.submit(c, ofShape(5000, 100_000, 5000))
	if _, err := c.Queue().Line().Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("a full line", identity.DefaultTenant, four, admission.ErrOverloaded)
	want("a small one", identity.DefaultTenant, small(), nil)
	want("another tenant", identity.DefaultTenant+1, four, nil)
	want("wrong shapes", identity.DefaultTenant, Submission{A: four.B, B: four.B}, matrix.ErrShape)
	four.Retention = 1000 * time.Hour
	want("a long retention", identity.DefaultTenant+1, four, retention.ErrBounds)
	if err := c.AdmitAny(identity.DefaultTenant); err != nil {
		t.Errorf("AdmitAny() = %v, want nil: small ones are admitted", err)
	}
	c.SetLimits(Limits{Queued: admission.Limits{Tiles: time.Second, Small: time.Second}})
	batch := c.NewBatch(identity.DefaultTenant, 1)
	refused := func(when string, want error) {
		t.Helper()
		_, _, ok, err := c.Inline(identity.DefaultTenant, small())
		if !errors.Is(err, want) || ok != (want == nil) {
			t.Errorf("%s: Inline() = %t, %v, want %v", when, ok, err, want)
		}
		if _, err := batch.NewOrder(small()); !errors.Is(err, want) {
			t.Errorf("%s: NewOrder() of a small one = %v, want %v", when, err, want)
		}
		if err := c.AdmitAny(identity.DefaultTenant); !errors.Is(err, want) {
			t.Errorf("%s: AdmitAny() = %v, want %v", when, err, want)
		}
		if _, err := batch.NewOrder(ofShape(2600, 2, 2100)); !errors.Is(err, admission.ErrOverloaded) {
			t.Errorf("%s: NewOrder() of one with tiles = %v, want %v", when, err, admission.ErrOverloaded)
		}
		batch.End()
	}
	refused("few small ones", nil)
	c.Queue().Line().Tell(line.Rates{
		At:    time.Now(),
		Pace:  1,
		Depth: 1_000_000,
		Small: line.SmallRate{OfAll: 1},
	})
	refused("many small ones", admission.ErrOverloaded)
}

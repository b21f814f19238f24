package queue

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// fleet works the jobs of queue Tiles in simulated time: River's statement fetches them, and each takes what its
// multiplication says that it costs.
type fleet struct {
	*testBundle
	client *Client
	slots  int
	now    float64
	ends   map[int64]float64 // of the jobs that run
	costs  map[string]float64
	served map[string]float64 // by multiplication
	order  []string           // of the multiplications whose tiles began
	began  []float64          // when, in the same order
}

func newFleet(b *testBundle, slots int) *fleet {
	return &fleet{
		testBundle: b,
		client:     b.client(Config{}, idle),
		slots:      slots,
		ends:       map[int64]float64{},
		costs:      map[string]float64{},
		served:     map[string]float64{},
	}
}

// tenant makes a tenant with a weight.
func (f *fleet) tenant(name string, weight float64) identity.TenantID {
	f.t.Helper()
	return identity.TenantID(query[int32](f.testBundle,
		"INSERT INTO tenants (name, weight) VALUES ($1, $2) RETURNING id", name, weight))
}

// submit enqueues a multiplication, whose tiles cost so many seconds each.
func (f *fleet) submit(o Order, tiles int64) string {
	f.t.Helper()
	o.Kind = tileArgs{}.Kind()
	o.Queue = Tiles
	o.Priority = 2
	plan := matrix.NewPlan(tiles*matrix.StandardTileRows, 1, matrix.StandardTileCols)
	id := store.NewID()
	err := f.store.InTx(f.t.Context(), func(tx *store.Tx) error {
		group, err := f.client.EnqueueTx(f.t.Context(), tx, id, o, 0, tiles-1)
		if err != nil {
			return err
		}
		return f.insertTx(tx, plan, group)
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.costs[id.String()] = o.Cost
	return id.String()
}

// keep looks at the line as a process does each second.
func (f *fleet) keep() {
	f.t.Helper()
	f.exec("UPDATE line_keepers SET kept_at = 'epoch'")
	if _, err := f.client.line.Look(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// work works for some seconds, in steps, and calls each after each of them.
func (f *fleet) work(seconds, step float64, each func()) {
	f.t.Helper()
	executor := riverpgxv5.New(f.store.Pool).GetExecutor()
	kept := f.now
	for end := f.now + seconds; f.now < end; f.now += step {
		f.finish()
		jobs, err := executor.JobGetAvailable(f.t.Context(), &riverdriver.JobGetAvailableParams{
			ClientID:       f.client.id,
			MaxAttemptedBy: 10,
			MaxToLock:      f.slots - len(f.ends),
			Queue:          Tiles,
		})
		if err != nil {
			f.t.Fatal(err)
		}
		for _, job := range jobs.Jobs {
			f.begin(job)
		}
		if f.now-kept >= 1 {
			f.keep()
			kept = f.now
		}
		each()
	}
}

func (f *fleet) begin(job *rivertype.JobRow) {
	id := job.Tags[0]
	f.ends[job.ID] = f.now + f.costs[id]
	f.served[id] += f.costs[id]
	f.order = append(f.order, id)
	f.began = append(f.began, f.now)
}

// finish completes the jobs whose time is over.
func (f *fleet) finish() {
	f.t.Helper()
	var done []int64
	for job, end := range f.ends {
		if end <= f.now {
			done = append(done, job)
			delete(f.ends, job)
		}
	}
	f.exec(`WITH done AS (
			UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = ANY($1) RETURNING tags[1]::uuid AS id
		), counts AS (SELECT id, count(*) AS n FROM done GROUP BY id)
		UPDATE multiplications m SET tiles_completed = m.tiles_completed + c.n,
			state = CASE WHEN m.tiles_completed + c.n = m.tiles_total THEN 'completed' ELSE 'in_progress' END,
			started_at = coalesce(started_at, now()),
			finished_at = CASE WHEN m.tiles_completed + c.n = m.tiles_total THEN now() END
		FROM counts c WHERE m.id = c.id`, done)
	f.exec(`DELETE FROM line_places p USING multiplications m
		WHERE m.id = p.multiplication_id AND m.finished_at IS NOT NULL`)
}

// TestShares: within a minute 100 tenants get what their weights say, within 5 % and a tile, however many
// multiplications each has, whatever their tiles cost and whenever they come.
func TestShares(t *testing.T) {
	const (
		tenants = 100
		slots   = 200
		minute  = 60.0
	)
	b := setup(t)
	f := newFleet(b, slots)
	random := rand.New(rand.NewPCG(1, 2))
	type member struct {
		id     identity.TenantID
		weight float64
		cost   float64
		all    []string
		more   int // multiplications that come later
	}
	var members []*member
	total := 0.0
	for i := range tenants {
		m := &member{
			weight: float64(1 + i%4),
			cost:   []float64{0.5, 1, 2}[i%3],
			more:   i % 5,
		}
		m.id = f.tenant("t"+time.Unix(int64(i), 0).UTC().Format("150405"), m.weight)
		total += m.weight
		members = append(members, m)
	}
	// What a tenant could use of the minute alone comes with its first multiplication.
	submit := func(m *member) {
		tiles := int64(1.2*slots*minute*m.weight/(2.5*tenants)/m.cost) + 1
		m.all = append(m.all, f.submit(Order{Tenant: m.id, Cost: m.cost}, tiles))
	}
	for _, m := range members {
		submit(m)
	}
	f.work(minute, 0.5, func() {
		if m := members[random.IntN(tenants)]; m.more > 0 {
			m.more--
			submit(m)
		}
	})
	for i, m := range members {
		got := 0.0
		for _, id := range m.all {
			got += f.served[id]
		}
		want := slots * minute * m.weight / total
		if diff := max(got-want, want-got); diff > 0.05*want+m.cost {
			t.Errorf("tenant %d of weight %v with %d multiplications got %v core-seconds, want %.1f",
				i, m.weight, len(m.all), got, want)
		}
	}
}

// TestShortIsNotLast: one tile begins within a tile's time behind ten large multiplications of its own
// tenant, or of another one, whether they have just come or are being worked.
func TestShortIsNotLast(t *testing.T) {
	for name, test := range map[string]struct {
		own    bool
		worked float64 // seconds
	}{
		"its own, new":      {own: true},
		"its own, worked":   {own: true, worked: 17},
		"another's, new":    {},
		"another's, worked": {worked: 17},
	} {
		t.Run(name, func(t *testing.T) {
			const slots = 2
			f := newFleet(setup(t), slots)
			large := f.tenant("large", 1)
			short := large
			if !test.own {
				short = f.tenant("short", 1)
			}
			for range 10 {
				f.submit(Order{Tenant: large, Cost: 2}, 25)
			}
			f.work(test.worked+0.1, 0.1, func() {})
			before := len(f.order)
			id := f.submit(Order{Tenant: short, Cost: 0.2}, 1)
			f.work(2.5, 0.1, func() {})
			for i, began := range f.order[before:] {
				if began == id {
					if i >= slots {
						t.Errorf("%d tiles of others began before it, want fewer than %d", i, slots)
					}
					return
				}
			}
			t.Errorf("it did not begin within a tile's time")
		})
	}
}

package scaling

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// exact returns a kind whose jobs take the CPU for a time and use neither network nor database.
func exact(jobs int, each time.Duration) *Kind {
	return &Kind{
		Name:  "exact",
		Queue: tiles,
		Jobs:  jobs,
		CPU:   each,
	}
}

// replay simulates one request, after the quiet minute.
func replay(t *testing.T, hpa *autoscaling.HorizontalPodAutoscaler, model Model, kind *Kind) *Result {
	t.Helper()
	r := Replay(hpa, model, spike("one", "", kind, 1), Seed)
	if r.unfinished != 0 {
		t.Fatalf("%d of %d requests are unfinished, want 0", r.unfinished, len(r.requests))
	}
	return r
}

// between reports an error if a time is not within bounds.
func between(t *testing.T, what string, got, low, high time.Duration) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s = %v, want between %v and %v", what, got, low, high)
	}
}

// TestOneWorker: 20 tiles of about 10 s on the two cores of a single worker take ten rounds, and the last ones wait
// for nine.
func TestOneWorker(t *testing.T) {
	t.Parallel()
	hpa := shipped(t)
	hpa.Spec.MaxReplicas = 1
	f := replay(t, hpa, DefaultModel(), exact(20, 10*time.Second)).Figures()
	if f.Most != 1 || f.Changes != 0 {
		t.Errorf("%d workers after %d changes, want 1 after 0", f.Most, f.Changes)
	}
	between(t, "time of all tiles", f.Drained, 90*time.Second, 110*time.Second)
	between(t, "longest wait of a tile", f.Wait[tiles].Max, 81*time.Second, 99*time.Second)
}

// TestBurst: the largest allowed number of workers takes jobs within a minute of a burst, for all seeds that UntilAll
// tries. In the end, the workers are stopped one by one.
func TestBurst(t *testing.T) {
	t.Parallel()
	hpa := shipped(t)
	median, most := UntilAll(hpa, DefaultModel())
	if median <= 0 || most > time.Minute {
		t.Errorf("UntilAll() = %v, %v, want more than 0 and at most %v", median, most, time.Minute)
	}
	r := replay(t, hpa, DefaultModel(), exact(2000, 2*time.Second))
	f := r.Figures()
	if f.Most != int(hpa.Spec.MaxReplicas) || f.HandedBack != 0 {
		t.Errorf("%d workers, %d tiles handed back, want %d and 0", f.Most, f.HandedBack, hpa.Spec.MaxReplicas)
	}
	down := 0
	var last time.Duration
	for i, p := range r.Points[1:] {
		switch change := p.Asked - r.Points[i].Asked; {
		case change < -1:
			t.Fatalf("%d workers are stopped at %v, want one at a time", -change, p.At)
		case change < 0:
			if down++; down > 1 && p.At-last < DefaultModel().SoftStop {
				t.Errorf("workers are stopped at %v and %v, want at least %v between", last, p.At, DefaultModel().SoftStop)
			}
			last = p.At
		}
	}
	if want := int(hpa.Spec.MaxReplicas - *hpa.Spec.MinReplicas); down != want {
		t.Errorf("%d workers are stopped, want %d", down, want)
	}
}

// TestHandBack: a worker that is stopped during a long tile hands it back, and another worker computes it.
func TestHandBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		each time.Duration
		want bool
	}{{5 * time.Second, false}, {40 * time.Second, true}} {
		c := newCluster(shipped(t), DefaultModel(), Seed)
		c.scale(3)
		c.result.unfinished = 1
		kind := exact(6, test.each)
		c.at(20*time.Second, func() { c.arrive(kind) })
		c.at(21*time.Second, func() { c.scale(1) })
		c.run(time.Hour, func() bool { return c.result.unfinished == 0 })
		if handed := c.result.handedBack; handed > 0 != test.want {
			t.Errorf("tiles of %v: %d handed back, want some: %v", test.each, handed, test.want)
		}
		if c.now >= time.Hour {
			t.Errorf("tiles of %v: finished at %v, want less than an hour", test.each, c.now)
		}
	}
}

// TestUrgent: an urgent request overtakes those that wait, and does not interrupt running tiles.
func TestUrgent(t *testing.T) {
	t.Parallel()
	hpa := shipped(t)
	hpa.Spec.MaxReplicas = 1
	hurry := exact(1, 10*time.Second)
	hurry.Urgent = true
	r := Replay(hpa, DefaultModel(), Pattern{Arrivals: func(*rand.Rand) []Arrival {
		return []Arrival{{quiet, exact(20, 10*time.Second)}, {quiet + time.Second, hurry}}
	}}, Seed)
	n, times := r.Durations(true)
	if n != 1 {
		t.Errorf("%d urgent requests, want 1", n)
	}
	between(t, "duration of the urgent request", times.Max, 17*time.Second, 22*time.Second)
}

// TestDatabaseIsTheLimit: tiles that need as much time of Postgres as of a worker finish no sooner with more workers.
func TestDatabaseIsTheLimit(t *testing.T) {
	t.Parallel()
	model := DefaultModel()
	model.DatabaseCores = 1
	kind := exact(100, time.Second)
	kind.Database = time.Second
	f := replay(t, shipped(t), model, kind).Figures()
	if want := 100 * time.Second; f.Most < 2 || f.Drained != want {
		t.Errorf("%d workers finish after %v, want at least 2 and %v", f.Most, f.Drained, want)
	}
}

// TestOutage: while the depth is missing, no worker is stopped, and busy workers are given help because of their CPU.
func TestOutage(t *testing.T) {
	t.Parallel()
	model := DefaultModel()
	model.OutageFrom, model.OutageUntil = 0, 20*time.Minute
	r := replay(t, shipped(t), model, exact(2000, 2*time.Second))
	highest := 0
	for _, p := range r.Points {
		if p.At < model.OutageUntil && p.Asked < highest {
			t.Fatalf("the number of workers falls from %d to %d at %v, want none stopped", highest, p.Asked, p.At)
		}
		highest = max(highest, p.Asked)
	}
	if highest < 10 {
		t.Errorf("largest number of workers = %d, want at least 10", highest)
	}
}

// TestSeed: replays with the same seed give the same figures, and those with another seed others.
func TestSeed(t *testing.T) {
	t.Parallel()
	figures := func(seed uint64) Figures { return Replay(shipped(t), DefaultModel(), Patterns()[0], seed).Figures() }
	first := figures(7)
	if again := figures(7); again != first {
		t.Errorf("figures of the same seed = %+v, want %+v", again, first)
	}
	if other := figures(8); other == first {
		t.Errorf("figures of another seed = %+v, want others", other)
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, p := range Patterns() {
		arrivals := p.Arrivals(rand.New(rand.NewPCG(1, 1)))
		last := time.Duration(0)
		late := 0
		for _, a := range arrivals {
			if a.At < last || a.At < quiet {
				t.Fatalf("%s: a request at %v after one at %v, want them in order and after %v", p.Name, a.At, last, quiet)
			}
			if last = a.At; a.At >= 12*time.Hour {
				late++
			}
		}
		switch {
		case strings.HasPrefix(p.Name, "burst") && (len(arrivals) != 1000 || last >= quiet+time.Minute),
			p.Name == "steady" && (len(arrivals) < 20_000 || len(arrivals) > 23_000), // 370 a minute
			p.Name == "day" && (late < len(arrivals)*48/100 || late > len(arrivals)*52/100):
			t.Errorf("%s: unexpected numbers: %d requests until %v, %d of them after noon", p.Name, len(arrivals), last, late)
		}
	}
}

// TestFiguresAreCurrent: the documents have the figures of the shipped manifest.
func TestFiguresAreCurrent(t *testing.T) {
	t.Parallel()
	committed, err := os.ReadFile("../../docs/scaling-figures.md")
	if err != nil {
		t.Fatal(err)
	}
	var current strings.Builder
	if err := WriteShipped(&current, shipped(t), DefaultModel()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(committed), current.String()) {
		t.Errorf("docs/scaling-figures.md is stale: make simulate. Its first table is not\n%s", current.String())
	}
}

func TestPlot(t *testing.T) {
	t.Parallel()
	var image strings.Builder
	if err := replay(t, shipped(t), DefaultModel(), exact(1, time.Second)).WritePlot(&image, "<one>"); err != nil {
		t.Fatal(err)
	}
	if text := image.String(); !strings.HasPrefix(text, "<?xml") || !strings.Contains(text, "&lt;one&gt;") {
		t.Errorf("WritePlot() wrote %.200q…, want XML with the escaped title", text)
	}
}

package scaling

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// exact is a product without waiting and database, whose jobs take exactly a time.
func exact(jobs int, each time.Duration) *Product {
	return &Product{Name: "exact", Queue: tiles, Jobs: jobs, CPU: each}
}

// replay lets one product arrive after the quiet minute.
func replay(t *testing.T, hpa *autoscaling.HorizontalPodAutoscaler, model Model, product *Product) *Result {
	t.Helper()
	r := Replay(hpa, model, spike("one", "", product, 1), Seed)
	if r.unfinished != 0 {
		t.Fatalf("%d of %d requests are left", r.unfinished, len(r.requests))
	}
	return r
}

// TestOneWorker: 20 tiles of about 10 s on two cores that nobody helps take ten rounds, and a tile waits for those before.
func TestOneWorker(t *testing.T) {
	t.Parallel()
	hpa := shipped(t)
	hpa.Spec.MaxReplicas = 1
	f := replay(t, hpa, DefaultModel(), exact(20, 10*time.Second)).Figures()
	if low, high := 90*time.Second, 110*time.Second; f.Drained < low || f.Drained > high || f.Most != 1 || f.Changes != 0 {
		t.Errorf("%+v", f)
	}
	if low, high := 81*time.Second, 99*time.Second; f.Wait[tiles].Max < low || f.Wait[tiles].Max > high {
		t.Errorf("waits %+v", f.Wait[tiles])
	}
}

// TestBurst: within a minute of a burst as many workers take jobs as there may be, whatever is left to chance; in the end
// they go one by one.
func TestBurst(t *testing.T) {
	t.Parallel()
	hpa := shipped(t)
	median, most := UntilAll(hpa, DefaultModel())
	if median <= 0 || most > time.Minute {
		t.Errorf("20 workers after %v in the median, %v at most", median, most)
	}
	r := replay(t, hpa, DefaultModel(), exact(2000, 2*time.Second))
	f := r.Figures()
	if f.Most != int(hpa.Spec.MaxReplicas) || f.HandedBack != 0 {
		t.Errorf("%+v", f)
	}
	down := 0
	var last time.Duration
	for i, p := range r.Points[1:] {
		switch change := p.Asked - r.Points[i].Asked; {
		case change < -1:
			t.Fatalf("%d workers go at once, at %v", -change, p.At)
		case change < 0:
			if down++; down > 1 && p.At-last < DefaultModel().SoftStop {
				t.Errorf("one goes at %v and one at %v", last, p.At)
			}
			last = p.At
		}
	}
	if down != int(hpa.Spec.MaxReplicas-*hpa.Spec.MinReplicas) {
		t.Errorf("%d workers went", down)
	}
}

// TestHandBack: a worker that is told to stop in the middle of a long tile hands it back, and it is done elsewhere.
func TestHandBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		each time.Duration
		want bool
	}{{5 * time.Second, false}, {40 * time.Second, true}} {
		c := newCluster(shipped(t), DefaultModel(), Seed)
		c.scale(3)
		c.result.unfinished = 1
		product := exact(6, test.each)
		c.at(20*time.Second, func() { c.arrive(product) })
		c.at(21*time.Second, func() { c.scale(1) })
		c.run(time.Hour, func() bool { return c.result.unfinished == 0 })
		if handed := c.result.handedBack; handed > 0 != test.want || c.now >= time.Hour {
			t.Errorf("%v each: %d are handed back, all done at %v", test.each, handed, c.now)
		}
	}
}

// TestUrgent: an urgent product goes past the others that wait, but interrupts none.
func TestUrgent(t *testing.T) {
	t.Parallel()
	hpa := shipped(t)
	hpa.Spec.MaxReplicas = 1
	hurry := exact(1, 10*time.Second)
	hurry.Urgent = true
	r := Replay(hpa, DefaultModel(), Pattern{Arrivals: func(*rand.Rand) []Arrival {
		return []Arrival{{quiet, exact(20, 10*time.Second)}, {quiet + time.Second, hurry}}
	}}, Seed)
	if n, times := r.Answers(true); n != 1 || times.Max < 17*time.Second || times.Max > 22*time.Second {
		t.Errorf("%d urgent ones took %v", n, times)
	}
}

// TestDatabaseIsTheLimit: with tiles that cost Postgres as much as a core, more workers are of no use.
func TestDatabaseIsTheLimit(t *testing.T) {
	t.Parallel()
	model := DefaultModel()
	model.DatabaseCores = 1
	product := exact(100, time.Second)
	product.Database = time.Second
	f := replay(t, shipped(t), model, product).Figures()
	if f.Most < 2 || f.Drained != 100*time.Second {
		t.Errorf("%d workers, all done after %v", f.Most, f.Drained)
	}
}

// TestOutage: while the depth is missing, nobody is taken away, and a busy pool grows by the CPU alone.
func TestOutage(t *testing.T) {
	t.Parallel()
	model := DefaultModel()
	model.OutageFrom, model.OutageUntil = 0, 20*time.Minute
	r := replay(t, shipped(t), model, exact(2000, 2*time.Second))
	highest := 0
	for _, p := range r.Points {
		if p.At < model.OutageUntil && p.Asked < highest {
			t.Fatalf("from %d to %d workers at %v", highest, p.Asked, p.At)
		}
		highest = max(highest, p.Asked)
	}
	if highest < 10 {
		t.Errorf("%d workers at most", highest)
	}
}

// TestSameAgain: a replay depends on its seed, and on nothing else.
func TestSameAgain(t *testing.T) {
	t.Parallel()
	p := Patterns()[0]
	first, again := Replay(shipped(t), DefaultModel(), p, 7).Figures(), Replay(shipped(t), DefaultModel(), p, 7).Figures()
	if other := Replay(shipped(t), DefaultModel(), p, 8).Figures(); first != again || first == other {
		t.Errorf("%+v\n%+v\n%+v", first, again, other)
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, p := range Patterns() {
		last, late, arrivals := time.Duration(0), 0, p.Arrivals(rand.New(rand.NewPCG(1, 1)))
		for _, a := range arrivals {
			if a.At < last || a.At < quiet {
				t.Fatalf("%s: %v after %v", p.Name, a.At, last)
			}
			if last = a.At; a.At >= 12*time.Hour {
				late++
			}
		}
		switch {
		case strings.HasPrefix(p.Name, "burst") && (len(arrivals) != 1000 || last >= quiet+time.Minute),
			p.Name == "steady" && (len(arrivals) < 20_000 || len(arrivals) > 23_000), // 370 a minute
			p.Name == "day" && (late < len(arrivals)*48/100 || late > len(arrivals)*52/100):
			t.Errorf("%s: %d requests until %v, %d after noon", p.Name, len(arrivals), last, late)
		}
	}
}

// TestFiguresAreCurrent: docs say what the shipped manifest does.
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
		t.Errorf("run make simulate; the table should be\n%s", current.String())
	}
}

func TestPlot(t *testing.T) {
	t.Parallel()
	var image strings.Builder
	if err := replay(t, shipped(t), DefaultModel(), exact(1, time.Second)).WritePlot(&image, "<one>"); err != nil {
		t.Fatal(err)
	}
	if text := image.String(); !strings.HasPrefix(text, "<?xml") || !strings.Contains(text, "&lt;one&gt;") {
		t.Errorf("%.200s", text)
	}
}

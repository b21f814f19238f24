package scaling

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

const (
	// Seed is that of everything in docs.
	Seed = 1
	// chances is how many others are tried where the worst case is of interest.
	chances = 40
)

// WriteShipped writes what the shipped HPA makes of each pattern, as a Markdown table.
func WriteShipped(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	return writePatterns(w, hpa, model, Patterns())
}

// WriteNodes writes the same for sudden requests on a cluster that has to grow.
func WriteNodes(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	model.NodePods = 4
	return writePatterns(w, hpa, model, slices.DeleteFunc(Patterns(), func(p Pattern) bool { return !p.Sudden }))
}

// WriteOutage writes what steady requests see while the depth is missing.
func WriteOutage(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	model.OutageFrom, model.OutageUntil = 20*time.Minute, 40*time.Minute
	return writePatterns(w, hpa, model, slices.DeleteFunc(Patterns(), func(p Pattern) bool { return p.Name != "steady" }))
}

func writePatterns(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model, patterns []Pattern) error {
	t := table{w: w}
	t.row("requests", "number", "jobs", "workers, at most", "after", "all done after", "jobs wait p50", "p95", "at most", "pod minutes", "cores busy")
	t.row("---", "---:", "---:", "---:", "---:", "---:", "---:", "---:", "---:", "---:", "---:")
	for _, p := range patterns {
		f := Replay(hpa, model, p, Seed).Figures()
		reached, drained, wait := "", "", f.Wait[tiles]
		if f.Count[tiles] == 0 {
			wait = f.Wait[small]
		}
		if p.Sudden {
			drained = short(f.Drained)
			if f.Most > 1 {
				reached = short(f.Reached)
			}
		}
		t.row(p.Title, f.Requests, f.Jobs, f.Most, reached, drained, short(wait.P50), short(wait.P95), short(wait.Max), pm(f), pc(f.Busy))
	}
	return t.err
}

// WriteVariants writes what other numbers would make of some of the patterns.
func WriteVariants(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	t := table{w: w}
	t.row("variant", "20 workers after: median", "at most", "steady: p95 of waiting", "pod minutes", "day: p95 of waiting", "pod minutes",
		"changes", "spike: all done after", "pod minutes")
	t.row("---", "---:", "---:", "---:", "---:", "---:", "---:", "---:", "---:", "---:")
	for _, v := range Variants() {
		h, m := v.Apply(hpa, model)
		median, most := UntilAll(h, m)
		steady, spike, day := replayNamed(h, m, "steady"), replayNamed(h, m, "spike"), replayNamed(h, m, "day")
		t.row(v.Name, short(median), short(most), short(steady.Wait[tiles].P95), pm(steady), short(day.Wait[tiles].P95), pm(day),
			day.Changes, short(spike.Drained), pm(spike))
	}
	return t.err
}

// WriteCounts writes what comes of a metric of other jobs, with tiles that take longer than the soft stop.
func WriteCounts(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	long := random("long", "", 4*time.Hour, constant, stream{builtin, 20})
	t := table{w: w}
	t.row("the metric counts", "tiles wait p50", "p95", "handed back", "changes", "pod minutes", "cores busy")
	t.row("---", "---:", "---:", "---:", "---:", "---:", "---:")
	for _, v := range CountVariants() {
		h, m := v.Apply(hpa, model)
		f := Replay(h, m, long, Seed).Figures()
		t.row(v.Name, short(f.Wait[tiles].P50), short(f.Wait[tiles].P95), fmt.Sprintf("%d of %d", f.HandedBack, f.Jobs), f.Changes, pm(f), pc(f.Busy))
	}
	return t.err
}

// WriteUrgent writes what a higher priority is worth in a backlog.
func WriteUrgent(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	both := Pattern{Arrivals: func(chance *rand.Rand) []Arrival {
		some := random("", "", 15*time.Minute, constant, stream{urgent, 2})
		all := slices.Concat(burst("", n10000).Arrivals(chance), some.Arrivals(chance))
		slices.SortStableFunc(all, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
		return all
	}}
	r := Replay(hpa, model, both, Seed)
	t := table{w: w}
	t.row("priority", "requests", "done after: p50", "p95", "at most")
	t.row("---", "---:", "---:", "---:", "---:")
	for _, of := range []struct {
		name   string
		urgent bool
	}{{"1", true}, {"2, the default", false}} {
		n, times := r.Answers(of.urgent)
		t.row(of.name, n, short(times.P50), short(times.P95), short(times.Max))
	}
	return t.err
}

// UntilAll returns how long it takes from the first request of a burst until as many workers take jobs as there may be,
// in the median and at most, over all that is left to chance.
func UntilAll(hpa *autoscaling.HorizontalPodAutoscaler, model Model) (median, most time.Duration) {
	var times []time.Duration
	for s := range uint64(chances) {
		f := Replay(hpa, model, burst("", n10000), s).Figures()
		if f.Most < int(hpa.Spec.MaxReplicas) {
			return 0, 0
		}
		times = append(times, f.Reached)
	}
	slices.Sort(times)
	return times[chances/2], times[chances-1]
}

func replayNamed(hpa *autoscaling.HorizontalPodAutoscaler, model Model, name string) Figures {
	all := Patterns()
	i := slices.IndexFunc(all, func(p Pattern) bool { return p.Name == name })
	return Replay(hpa, model, all[i], Seed).Figures()
}

// table writes the rows of a Markdown table.
type table struct {
	w   io.Writer
	err error
}

func (t *table) row(cells ...any) {
	for _, c := range cells {
		if t.err == nil {
			_, t.err = fmt.Fprintf(t.w, "| %v ", c)
		}
	}
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, "|")
	}
}

// short rounds a time to what is worth reading.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 5*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

func pm(f Figures) string { return fmt.Sprintf("%.0f", f.PodTime.Minutes()) }

func pc(part float64) string { return fmt.Sprintf("%.0f %%", 100*part) }

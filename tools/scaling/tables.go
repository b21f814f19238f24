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
	// Seed is the seed of the tables and plots in docs.
	Seed = 1
	// seeds is the number of seeds from which UntilAll takes the median and the worst case.
	seeds = 40
)

// WriteShipped writes the figures of each pattern with an HPA, as a Markdown table.
func WriteShipped(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	return writePatterns(w, hpa, model, Patterns())
}

// WriteNodes writes the same for sudden requests to a cluster that needs new nodes.
func WriteNodes(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	model.NodePods = 4
	return writePatterns(w, hpa, model, slices.DeleteFunc(Patterns(), func(p Pattern) bool { return !p.Sudden }))
}

// WriteOutage writes the figures of steady requests while the depth is missing.
func WriteOutage(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	model.OutageFrom = 20 * time.Minute
	model.OutageUntil = 40 * time.Minute
	return writePatterns(w, hpa, model, slices.DeleteFunc(Patterns(), func(p Pattern) bool { return p.Name != "steady" }))
}

func writePatterns(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model, patterns []Pattern) error {
	t := table{w: w}
	t.header("requests", "number", "jobs", "workers, at most", "after", "all done after",
		"jobs wait p50", "p95", "at most", "pod minutes", "cores busy")
	for _, p := range patterns {
		f := Replay(hpa, model, p, Seed).Figures()
		wait := f.Wait[tiles]
		if f.Count[tiles] == 0 {
			wait = f.Wait[small]
		}
		var reached, drained string
		if p.Sudden {
			drained = short(f.Drained)
			if f.Most > 1 {
				reached = short(f.Reached)
			}
		}
		t.row(p.Title, f.Requests, f.Jobs, f.Most, reached, drained, short(wait.P50), short(wait.P95), short(wait.Max),
			podMinutes(f), percentage(f.Busy))
	}
	return t.err
}

// WriteVariants writes the figures of some patterns with other numbers than those of the shipped HPA.
func WriteVariants(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	t := table{w: w}
	t.header("variant", "20 workers after: median", "at most", "steady: p95 of waiting", "pod minutes",
		"day: p95 of waiting", "pod minutes", "changes", "spike: all done after", "pod minutes")
	for _, v := range Variants() {
		h, m := v.Apply(hpa, model)
		median, most := UntilAll(h, m)
		steady := replayNamed(h, m, "steady")
		day := replayNamed(h, m, "day")
		spike := replayNamed(h, m, "spike")
		t.row(v.Name, short(median), short(most), short(steady.Wait[tiles].P95), podMinutes(steady),
			short(day.Wait[tiles].P95), podMinutes(day), day.Changes, short(spike.Drained), podMinutes(spike))
	}
	return t.err
}

// WriteCounts writes the figures of metrics that count other jobs, with tiles that take longer than the soft stop.
func WriteCounts(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	long := random("long", "", 4*time.Hour, constant, stream{builtin, 20})
	t := table{w: w}
	t.header("the metric counts", "tiles wait p50", "p95", "handed back", "changes", "pod minutes", "cores busy")
	for _, v := range CountVariants() {
		h, m := v.Apply(hpa, model)
		f := Replay(h, m, long, Seed).Figures()
		handedBack := fmt.Sprintf("%d of %d", f.HandedBack, f.Jobs)
		t.row(v.Name, short(f.Wait[tiles].P50), short(f.Wait[tiles].P95), handedBack, f.Changes,
			podMinutes(f), percentage(f.Busy))
	}
	return t.err
}

// WriteUrgent writes how long requests of either priority take in a backlog.
func WriteUrgent(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	both := Pattern{Arrivals: func(chance *rand.Rand) []Arrival {
		some := random("", "", 15*time.Minute, constant, stream{urgent, 2})
		all := slices.Concat(burst("", n10000).Arrivals(chance), some.Arrivals(chance))
		slices.SortStableFunc(all, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
		return all
	}}
	r := Replay(hpa, model, both, Seed)
	t := table{w: w}
	t.header("priority", "requests", "done after: p50", "p95", "at most")
	for _, of := range []struct {
		name   string
		urgent bool
	}{{"1", true}, {"2, the default", false}} {
		n, times := r.Durations(of.urgent)
		t.row(of.name, n, short(times.P50), short(times.P95), short(times.Max))
	}
	return t.err
}

// UntilAll returns the time from the first request of a burst until the largest allowed number of workers takes jobs:
// the median and the maximum over several seeds. Both are 0 if a replay does not reach that number.
func UntilAll(hpa *autoscaling.HorizontalPodAutoscaler, model Model) (median, most time.Duration) {
	var times []time.Duration
	for s := range uint64(seeds) {
		f := Replay(hpa, model, burst("", n10000), s).Figures()
		if f.Most < int(hpa.Spec.MaxReplicas) {
			return 0, 0
		}
		times = append(times, f.Reached)
	}
	slices.Sort(times)
	return times[seeds/2], times[seeds-1]
}

// replayNamed returns the figures of the pattern with a name.
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

// header begins the table. The first column is aligned left, all others right.
func (t *table) header(titles ...any) {
	t.row(titles...)
	t.row(append([]any{"---"}, slices.Repeat([]any{"---:"}, len(titles)-1)...)...)
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

// short rounds a time to tenths of a second, seconds or minutes, by its size.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 5*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

func podMinutes(f Figures) string { return fmt.Sprintf("%.0f", f.PodTime.Minutes()) }

func percentage(fraction float64) string { return fmt.Sprintf("%.0f %%", 100*fraction) }

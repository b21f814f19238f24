package blas

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/matrix"
)

// Choice is the outcome of Choose.
type Choice struct {
	Kernel   Kernel
	GFLOPS   float64    // its measured rate in float64, on one thread
	Measured []Measured // all candidates, in the order of Candidates
	Unusable []error    // libraries that are there but cannot be used, and why
}

// Measured is a Kernel with its rate.
type Measured struct {
	Kernel Kernel
	GFLOPS float64
}

// String returns name and rate, for people.
func (c Choice) String() string {
	return fmt.Sprintf("%s, %.1f GFLOP/s a core", c.Kernel.Name(), c.GFLOPS)
}

const (
	// margin is by how much a candidate must be faster than one before it in the list to be preferred: measurements as
	// short as these repeat within a few per cent, and the choice should be the same at every start.
	margin = 1.03
	// trialTime is how long each candidate multiplies, and maxTrialTime how long all of them may take together: from then
	// on no further round begins.
	trialTime    = 12 * time.Millisecond
	maxTrialTime = 100 * time.Millisecond
	// trialSide is the side of the square matrices that are multiplied: large enough for the rate of large ones, small
	// enough that the best of several rounds counts, since other programs disturb some. Candidates begin with
	// firstTrialSide, which shows the slowest of them, and makes libraries allocate their buffers.
	trialSide      = 320
	firstTrialSide = 96
)

// Choose opens the Kernel that name stands for, see Open, and measures its rate. Without a name it measures all
// Candidates by turns, for some 10 ms each, and takes the fastest.
func Choose(name string) (Choice, error) {
	if name == "" {
		return choose(Candidates()), nil
	}
	kernel, err := Open(name)
	if err != nil {
		return Choice{}, err
	}
	return choose([]Kernel{kernel}, nil), nil
}

// Candidates returns the Kernels of this machine: those with assembly that its CPU can run, or else the portable one,
// then the libraries in the usual places. Choose prefers the earlier of two that are as fast: it needs no library. The
// errors are about libraries that are there but cannot be used.
func Candidates() ([]Kernel, []error) {
	var kernels []Kernel
	for _, l := range levels() {
		if len(kernels) == 0 || !IsPortable(l.kernel) {
			kernels = append(kernels, l.kernel)
		}
	}
	libraries, unusable := Libraries()
	return append(kernels, libraries...), unusable
}

// choose measures kernels and takes the fastest.
func choose(kernels []Kernel, unusable []error) Choice {
	all := measure(kernels)
	best := fastest(all)
	return Choice{
		Kernel:   best.Kernel,
		GFLOPS:   best.GFLOPS,
		Measured: all,
		Unusable: unusable,
	}
}

// fastest returns the first of those that are within margin of the highest rate.
func fastest(all []Measured) Measured {
	top := slices.MaxFunc(all, func(a, b Measured) int { return cmp.Compare(a.GFLOPS, b.GFLOPS) })
	return all[slices.IndexFunc(all, func(m Measured) bool { return m.GFLOPS*margin >= top.GFLOPS })]
}

// measure returns the best rate that each Kernel reaches in its turns.
func measure(kernels []Kernel) []Measured {
	all := make([]Measured, len(kernels))
	spent := make([]time.Duration, len(kernels))
	first, usual := newTrial(firstTrialSide), newTrial(trialSide)
	begin := time.Now()
	for i, kernel := range kernels {
		all[i].Kernel = kernel
		for range 2 {
			all[i].GFLOPS = max(all[i].GFLOPS, first.rate(first.run(kernel)))
		}
	}
	for again := true; again && time.Since(begin) < maxTrialTime; {
		again = false
		for i, kernel := range kernels {
			if usual.operations()/(all[i].GFLOPS*1e9) > trialTime.Seconds() || spent[i] >= trialTime {
				continue // far too slow, or done
			}
			took := usual.run(kernel)
			spent[i] += took
			all[i].GFLOPS = max(all[i].GFLOPS, usual.rate(took))
			again = true
		}
	}
	return all
}

// trial is a multiplication of square matrices.
type trial struct {
	n       int
	a, b, c []float64
}

func newTrial(n int) *trial {
	t := &trial{
		n: n,
		a: smallIntegers[float64](n * n),
		b: smallIntegers[float64](n * n),
		c: make([]float64, n*n),
	}
	for i := range t.c {
		t.c[i] = 1 // so that no kernel pays for the pages
	}
	return t
}

func (t *trial) operations() float64 { return matrix.FLOPs(int64(t.n), int64(t.n), int64(t.n)) }

// run returns how long kernel takes.
func (t *trial) run(kernel Kernel) time.Duration {
	start := time.Now()
	kernel.Dgemm(t.n, t.n, t.n, t.a, t.n, t.b, t.n, t.c, t.n, false)
	return max(1, time.Since(start))
}

// rate returns the GFLOP/s of a run.
func (t *trial) rate(took time.Duration) float64 { return t.operations() / float64(took.Nanoseconds()) }

package blas

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
)

// slowed multiplies several times instead of once.
type slowed struct {
	Kernel
	times int
	calls atomic.Int64
}

func (s *slowed) Name() string { return fmt.Sprintf("%d times as slow", s.times) }

func (s *slowed) Dgemm(m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, add bool) {
	s.calls.Add(1)
	for range s.times {
		s.Kernel.Dgemm(m, n, k, a, lda, b, ldb, c, ldc, add)
	}
}

// TestChooseFastest: the fastest wins, wherever it is in the list.
func TestChooseFastest(t *testing.T) {
	portable := newPortable()
	for _, times := range [][]int{{1, 4, 12}, {4, 1, 12}, {12, 4, 1}} {
		var kernels []Kernel
		for _, n := range times {
			kernels = append(kernels, &slowed{Kernel: portable, times: n})
		}
		c := choose(kernels, nil)
		if want := kernels[slices.Index(times, 1)]; c.Kernel != want || c.GFLOPS <= 0 || len(c.Measured) != 3 {
			t.Errorf("of kernels that are slower by %v the choice is %s of %v, want %s", times, c, c.Measured, want.Name())
		}
		for i, m := range c.Measured {
			if m.Kernel != kernels[i] || m.GFLOPS <= 0 || m.GFLOPS > c.GFLOPS*margin {
				t.Errorf("candidate %d: %s at %v GFLOP/s, want %s at no more than the choice", i, m.Kernel.Name(), m.GFLOPS,
					kernels[i].Name())
			}
		}
	}
}

// TestChooseIsShort: a kernel that is hopelessly slow multiplies small matrices only.
func TestChooseIsShort(t *testing.T) {
	hopeless := &slowed{Kernel: newPortable(), times: 100}
	if c := choose([]Kernel{hopeless, Builtin()}, nil); c.Kernel != Builtin() {
		t.Errorf("the choice is %s, want %s", c, Builtin().Name())
	}
	if got := hopeless.calls.Load(); got != 2 {
		t.Errorf("the slow kernel was called %d times, want 2", got)
	}
}

// TestFastestPrefersTheEarlier: of two that are as fast, the one that needs no library, so that noise does not decide.
func TestFastestPrefersTheEarlier(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rates []float64
		want  int
	}{
		{[]float64{10}, 0},
		{[]float64{100, 100}, 0},
		{[]float64{100, 102.9}, 0},
		{[]float64{100, 103.1}, 1},
		{[]float64{80, 100, 102.9}, 1},
		{[]float64{98, 100, 102.9}, 1},
		{[]float64{16, 82, 81}, 1},
	} {
		var all []Measured
		for _, rate := range tt.rates {
			all = append(all, Measured{GFLOPS: rate})
		}
		if got := fastest(all); got.GFLOPS != tt.rates[tt.want] {
			t.Errorf("of %v the fastest is %v, want %v", tt.rates, got.GFLOPS, tt.rates[tt.want])
		}
	}
}

// TestChooseForced: a name leaves no choice, and the rate is known all the same.
func TestChooseForced(t *testing.T) {
	for _, name := range append(Levels(), "builtin") {
		c, err := Choose(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if c.Kernel != want || c.GFLOPS <= 0 || len(c.Measured) != 1 {
			t.Errorf("Choose(%q) = %s of %d, want %s of 1", name, c, len(c.Measured), want.Name())
		}
	}
	if c, err := Choose("/nonexistent/libblas.so"); err == nil {
		t.Errorf("Choose of a missing library = %s, want an error", c)
	}
	if libraries, _ := Libraries(); len(libraries) > 0 {
		name := Describe(libraries[0]).File
		c, err := Choose(name)
		if err != nil || Describe(c.Kernel) != Describe(libraries[0]) || c.GFLOPS <= 0 {
			t.Errorf("Choose(%q) = %s, %v, want %s", name, c, err, libraries[0].Name())
		}
	}
}

// TestChoose: without a name all kernels of the machine are measured.
func TestChoose(t *testing.T) {
	c, err := Choose("")
	if err != nil {
		t.Fatal(err)
	}
	candidates, _ := Candidates()
	if len(c.Measured) != len(candidates) || c.Measured[0].Kernel != Builtin() || len(c.Unusable) > 0 {
		t.Errorf("measured %v, unusable %v, want %d kernels, the built-in one first", c.Measured, c.Unusable, len(candidates))
	}
	for _, m := range c.Measured {
		t.Logf("%s: %.1f GFLOP/s", m.Kernel.Name(), m.GFLOPS)
		if IsPortable(m.Kernel) && len(Levels()) > 1 {
			t.Errorf("%s was measured, want it only where there is no assembly", m.Kernel.Name())
		}
	}
	t.Logf("choice: %s", c)
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, kernel := range testKernels(t) {
		if d := Describe(kernel); d.String() != kernel.Name() || IsBuiltin(kernel) != (d.Kernel == "built-in") {
			t.Errorf("%s is described as %+v", kernel.Name(), d)
		}
	}
	if d := Describe(&slowed{times: 3}); d.String() != "3 times as slow" {
		t.Errorf("a kernel that says no more than its name is described as %+v", d)
	}
}

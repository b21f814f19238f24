package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// strategy is a way to multiply, forced by a test whatever Multiply would choose.
type strategy struct {
	name     string
	p        *Precision
	multiply func(w *workspace, g *product)
}

// strategies returns all ways to multiply with p, with blocks so small that all loops take several turns.
func strategies(p *Precision) []strategy {
	small := blocking{
		depth:   2 * blockK,
		height:  2 * p.rows,
		breadth: 2 * p.vectors * p.lanes,
	}
	packed := newPrecision(p.size, p.lanes*p.size, p.rows, p.vectors, p.assembly)
	padded := newPrecision(p.size, p.lanes*p.size, p.rows, p.vectors, &assembly{packed: p.packed})
	packed.blocking = small
	padded.blocking = small
	all := []strategy{{"packed", packed, packed.multiplyPacked}, {"padded", padded, padded.multiplyPacked}}
	if p.direct != nil {
		all = append(all, strategy{"direct", p, p.multiplyDirect})
	}
	if p.dot != nil {
		all = append(all, strategy{"narrow", p, p.multiplyNarrow})
	}
	return all
}

// forStrategies runs a test with each way to multiply that this CPU has.
func forStrategies(t *testing.T, test64, test32 func(t *testing.T, s strategy)) {
	t.Helper()
	if len(Levels()) == 0 {
		t.Skip("there is no assembly for this CPU")
	}
	for _, level := range Levels() {
		for _, s := range strategies(level.Float64) {
			t.Run(fmt.Sprintf("%s/float64/%s", level.Name, s.name), func(t *testing.T) { t.Parallel(); test64(t, s) })
		}
		for _, s := range strategies(level.Float32) {
			t.Run(fmt.Sprintf("%s/float32/%s", level.Name, s.name), func(t *testing.T) { t.Parallel(); test32(t, s) })
		}
	}
}

// multiplication has operands of small integers, whose products are exact, and NaN in the gaps between rows.
type multiplication[T float32 | float64] struct {
	m, n, k, lda, ldb, ldc int
	a, b, c                []T
	accumulate             bool
	// inPlace makes multiply overwrite c, not a copy.
	inPlace bool
}

func newMultiplication[T float32 | float64](rnd *rand.Rand, m, n, k, gap int) *multiplication[T] {
	fill := func(rows, cols int) []T {
		s := make([]T, (rows-1)*(cols+gap)+cols)
		for i := range s {
			s[i] = T(rnd.IntN(9) - 4)
			if i%(cols+gap) >= cols {
				s[i] = T(math.NaN())
			}
		}
		return s
	}
	return &multiplication[T]{
		m:          m,
		n:          n,
		k:          k,
		lda:        k + gap,
		ldb:        n + gap,
		ldc:        n + gap,
		a:          fill(m, k),
		b:          fill(k, n),
		c:          fill(m, n),
		accumulate: rnd.IntN(2) == 0,
	}
}

// definition returns what C is to be. Its gaps are as they were.
func (x *multiplication[T]) definition() []T {
	want := append([]T(nil), x.c...)
	for i := range x.m {
		for j := range x.n {
			sum := want[i*x.ldc+j]
			if !x.accumulate {
				sum = 0
			}
			for l := range x.k {
				sum += x.a[i*x.lda+l] * x.b[l*x.ldb+j]
			}
			want[i*x.ldc+j] = sum
		}
	}
	return want
}

// check multiplies and compares C with the definition, and its gaps with what was there.
func (x *multiplication[T]) check(t *testing.T, s strategy) {
	t.Helper()
	x.compare(t, s, x.definition())
}

// compare multiplies and compares C with what it is to be.
func (x *multiplication[T]) compare(t *testing.T, s strategy, want []T) {
	t.Helper()
	for i, v := range x.multiply(s) {
		if v != want[i] && (v == v || want[i] == want[i]) {
			t.Fatalf("%d×%d×%d, accumulate %t: element (%d, %d) is %v, want %v",
				x.m, x.k, x.n, x.accumulate, i/x.ldc, i%x.ldc, v, want[i])
		}
	}
}

// multiply multiplies and returns C.
func (x *multiplication[T]) multiply(s strategy) []T {
	c := x.c
	if !x.inPlace {
		c = append([]T(nil), x.c...)
	}
	size := s.p.size
	s.multiply(new(workspace), &product{
		m:          x.m,
		n:          x.n,
		k:          x.k,
		a:          unsafe.Pointer(unsafe.SliceData(x.a)),
		b:          unsafe.Pointer(unsafe.SliceData(x.b)),
		c:          unsafe.Pointer(unsafe.SliceData(c)),
		aRow:       x.lda * size,
		bRow:       x.ldb * size,
		cRow:       x.ldc * size,
		accumulate: x.accumulate,
	})
	return c
}

func TestMultiply(t *testing.T) {
	t.Parallel()
	forStrategies(t, testMultiply[float64], testMultiply[float32])
}

// testMultiply tries each number of rows and columns with which a kernel has edges of its own, then random shapes.
func testMultiply[T float32 | float64](t *testing.T, s strategy) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for m := 1; m <= s.p.rows+2; m++ {
		for n := 1; n <= 9*s.p.lanes; n += 1 + n/(2*s.p.lanes) {
			newMultiplication[T](rnd, m, n, 1+rnd.IntN(2*blockK), rnd.IntN(3)).check(t, s)
		}
	}
	for range 300 {
		newMultiplication[T](rnd, 1+rnd.IntN(70), 1+rnd.IntN(100), 1+rnd.IntN(70), rnd.IntN(3)).check(t, s)
	}
	newMultiplication[T](rnd, 3, 5, 1300, 1).check(t, s)
	newMultiplication[T](rnd, 41, 1, 2*dotK+3, 0).check(t, s)
}

// TestMultiplySameBits: whether operands are packed, and how much at once, does not change a bit of C.
func TestMultiplySameBits(t *testing.T) {
	t.Parallel()
	for _, level := range Levels() {
		if level.Float64.direct == nil {
			continue
		}
		testMultiplySameBits[float64](t, level.Float64)
		testMultiplySameBits[float32](t, level.Float32)
	}
}

func testMultiplySameBits[T float32 | float64](t *testing.T, p *Precision) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		x := newMultiplication[T](rnd, 1+rnd.IntN(60), 1+rnd.IntN(60), 1+rnd.IntN(100), 0)
		x.n += p.lanes - x.n%p.lanes // no columns that multiplyDirect treats as inner products
		x = newMultiplication[T](rnd, x.m, x.n, x.k, 0)
		for i := range x.a {
			x.a[i] = T(rnd.NormFloat64())
		}
		for i := range x.b {
			x.b[i] = T(rnd.NormFloat64())
		}
		var want []T
		for _, s := range strategies(p) {
			if s.name == "narrow" {
				continue
			}
			depth := s.p.depth
			s.p.depth = 2 * blockK
			c := x.multiply(s)
			s.p.depth = depth
			if want == nil {
				want = c
			}
			for i := range c {
				if c[i] != want[i] {
					t.Fatalf("%s, %d×%d×%d: element %d is %v, want %v", s.name, x.m, x.k, x.n, i, c[i], want[i])
				}
			}
		}
	}
}

// FuzzMultiply compares all ways to multiply with the definition.
func FuzzMultiply(f *testing.F) {
	f.Add(uint64(1), uint8(14), uint8(32), uint8(8), uint8(0))
	f.Add(uint64(2), uint8(29), uint8(65), uint8(17), uint8(3))
	var all64, all32 []strategy
	for _, level := range Levels() {
		all64 = append(all64, strategies(level.Float64)...)
		all32 = append(all32, strategies(level.Float32)...)
	}
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k, gap uint8) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		rows, cols, inner := 1+int(m)%48, 1+int(n)%96, 1+int(k)%32 // some of the largest tiles of registers
		compareAll(t, newMultiplication[float64](rnd, rows, cols, inner, int(gap)%8), all64)
		compareAll(t, newMultiplication[float32](rnd, rows, cols, inner, int(gap)%8), all32)
	})
}

// compareAll compares ways to multiply with the definition, which takes longer than all of them.
func compareAll[T float32 | float64](t *testing.T, x *multiplication[T], all []strategy) {
	t.Helper()
	want := x.definition()
	for _, s := range all {
		x.compare(t, s, want)
	}
}

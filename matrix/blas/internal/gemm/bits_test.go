package gemm

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// TestSameBits: the bits of a product depend neither on the caches of the CPU nor on how its rows are divided among
// calls, if they are divided as RowUnit and MinRows say.
func TestSameBits(t *testing.T) {
	t.Parallel()
	if len(Levels()) == 0 {
		t.Skip("there is no assembly for this CPU")
	}
	for _, level := range Levels() {
		t.Run(level.Name+"/float64", func(t *testing.T) { t.Parallel(); testSameBits[float64](t, level.Float64) })
		t.Run(level.Name+"/float32", func(t *testing.T) { t.Parallel(); testSameBits[float32](t, level.Float32) })
	}
}

func testSameBits[T float32 | float64](t *testing.T, p *Precision) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 3, 5, 9, 10, 17, 33, 48, 49, 52, 97, 100, 130} {
		for _, m := range []int{1, 3, 15, 16, 17, 66, 131} {
			for _, k := range []int{7, 64, 1100} {
				a := randomReals[T](rnd, m*k)
				b := randomReals[T](rnd, k*n)
				want := multiplyInCalls(withCaches(p, caches{l2: 256 << 10, l3: 1 << 20}), a, b, []int{m}, n, k)
				for _, c := range []caches{{l2: 16 << 10, l3: 64 << 10}, {l2: 1 << 30, l3: 1 << 32}} {
					for _, calls := range [][]int{{m}, divide(rnd, m), divide(rnd, m)} {
						if !slices.Equal(multiplyInCalls(withCaches(p, c), a, b, calls, n, k), want) {
							t.Errorf("%d×%d×%d: caches of %+v and calls of %d rows change the bits", m, k, n, c, calls)
						}
					}
				}
			}
		}
	}
}

// withCaches returns p as it is on a CPU with other caches.
func withCaches(p *Precision, c caches) *Precision {
	other := newPrecision(p.size, p.lanes*p.size, p.rows, p.vectors, p.assembly)
	other.blocking = newBlocking(c, p.rows, p.vectors*p.lanes, p.size)
	return other
}

// divide divides rows at random, as callers may.
func divide(rnd *rand.Rand, rows int) []int {
	var calls []int
	for rows >= 2*MinRows+RowUnit {
		n := MinRows + rnd.IntN((rows-2*MinRows)/RowUnit)*RowUnit
		calls = append(calls, n)
		rows -= n
	}
	return append(calls, rows)
}

// multiplyInCalls returns A·B, computed in calls of so many rows.
func multiplyInCalls[T float32 | float64](p *Precision, a, b []T, calls []int, n, k int) []T {
	var c []T
	for _, m := range calls {
		part := make([]T, m*n)
		p.Multiply(m, n, k, unsafe.Pointer(unsafe.SliceData(a)), k, unsafe.Pointer(unsafe.SliceData(b)), n,
			unsafe.Pointer(unsafe.SliceData(part)), n, false, nil)
		a = a[m*k:]
		c = append(c, part...)
	}
	return c
}

func randomReals[T float32 | float64](rnd *rand.Rand, n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = T(rnd.NormFloat64())
	}
	return s
}

//go:build unix

package gemm

import (
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns a copy of s that ends where memory ends that may be touched.
func guarded[T float32 | float64](t *testing.T, s []T) []T {
	t.Helper()
	page := os.Getpagesize()
	size := len(s) * int(unsafe.Sizeof(s[0]))
	room := ceilDiv(size, page) * page
	const access = syscall.PROT_READ | syscall.PROT_WRITE
	memory, err := syscall.Mmap(-1, 0, room+page, access, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(memory); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(memory[room:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	out := unsafe.Slice((*T)(unsafe.Pointer(&memory[room-size])), len(s))
	copy(out, s)
	return out
}

// TestMultiplyStaysInBounds: nothing is read or written behind the matrices. The test process crashes otherwise.
func TestMultiplyStaysInBounds(t *testing.T) {
	t.Parallel()
	forStrategies(t, testMultiplyStaysInBounds[float64], testMultiplyStaysInBounds[float32])
}

func testMultiplyStaysInBounds[T float32 | float64](t *testing.T, s strategy) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		x := newMultiplication[T](rnd, 1+rnd.IntN(40), 1+rnd.IntN(70), 1+rnd.IntN(40), rnd.IntN(3))
		x.a = guarded(t, x.a)
		x.b = guarded(t, x.b)
		x.c = guarded(t, x.c)
		x.inPlace = true
		x.check(t, s)
	}
}

package splitmix

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOutput: the outputs for these seeds are those of the C code by S. Vigna, https://prng.di.unimi.it/splitmix64.c.
func TestOutput(t *testing.T) {
	t.Parallel()
	for seed, want := range map[uint64][]uint64{
		0: {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f},
		1234567: {
			6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
		},
	} {
		state := seed
		for i, w := range want {
			state += Gamma
			if got := Output(state); got != w {
				t.Errorf("seed %d, output %d = %#x, want %#x", seed, i, got, w)
			}
		}
	}
}

// TestLevels: each instruction set gives the bits of the definition, for any length, and writes nothing behind it.
func TestLevels(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, l := range levels() {
		for n := range 200 {
			testLevel(t, l, rnd.Uint64(), n)
		}
		for _, n := range []int{maxCall - 1, maxCall, 2*maxCall + 37} {
			testLevel(t, l, math.MaxUint64-uint64(n), n)
		}
	}
}

func testLevel(t *testing.T, l level, state uint64, n int) {
	t.Helper()
	want64, want32 := make([]float64, n+1), make([]float32, n+1)
	for i := range n {
		z := Output(state + uint64(i+1)*Gamma)
		want64[i] = float64(z>>11) / (1 << 53)
		want32[i] = float32(z>>40) / (1 << 24)
	}
	want64[n], want32[n] = -1, -1
	got64, got32 := slices.Repeat([]float64{-1}, n+1), slices.Repeat([]float32{-1}, n+1)
	done := fillVectors(state, got64[:n], l.fill64)
	portable64(state+uint64(done)*Gamma, got64[done:n])
	done = fillVectors(state, got32[:n], l.fill32)
	portable32(state+uint64(done)*Gamma, got32[done:n])
	if !slices.Equal(got64, want64) || !slices.Equal(got32, want32) {
		t.Fatalf("%s, %d elements after %d:\ngot  %v and %v\nwant %v and %v", l.name, n, state, got64, got32, want64, want32)
	}
	if l.name != "portable" && n >= 32 && done == 0 {
		t.Errorf("%s is not used for %d elements", l.name, n)
	}
}

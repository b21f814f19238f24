package sums

import "github.com/klauspost/cpuid/v2"

// levels returns the instruction sets that this CPU has, the fastest first, and last what needs none.
func levels() []level {
	var all []level
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512BW) {
		all = append(all, level{
			name:   "AVX-512",
			lanes:  8,
			one64:  dsumsAVX5121,
			four64: dsumsAVX5124,
			one32:  ssumsAVX5121,
			four32: ssumsAVX5124,
		})
	}
	if cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		all = append(all, level{
			name:   "AVX2",
			lanes:  4,
			one64:  dsumsAVX21,
			four64: dsumsAVX24,
			one32:  ssumsAVX21,
			four32: ssumsAVX24,
		})
	}
	return append(all, level{name: "portable"})
}

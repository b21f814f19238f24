package splitmix

import "github.com/klauspost/cpuid/v2"

// levels returns the instruction sets that this CPU has, the fastest first, and last what needs none.
func levels() []level {
	var all []level
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512BW) {
		all = append(all, level{
			name:   "AVX-512",
			fill64: vectors{8, dfillAVX512},
			fill32: vectors{8, sfillAVX512},
		})
	}
	if cpuid.CPU.Supports(cpuid.AVX2) {
		all = append(all, level{
			name:   "AVX2",
			fill64: vectors{4, dfillAVX2},
			fill32: vectors{4, sfillAVX2},
		})
	}
	return append(all, level{name: "portable"})
}

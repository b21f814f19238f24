package gemm

import "github.com/klauspost/cpuid/v2"

// Levels returns the instruction sets that this CPU has, the fastest first.
func Levels() []*Level {
	var levels []*Level
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512BW) {
		levels = append(levels, &Level{
			Name:    "AVX-512",
			Float64: newPrecision(8, 64, 8, 3, &dAVX512),
			Float32: newPrecision(4, 64, 8, 3, &sAVX512),
		})
	}
	if cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		levels = append(levels, &Level{
			Name:    "AVX2",
			Float64: newPrecision(8, 32, 6, 2, &dAVX2),
			Float32: newPrecision(4, 32, 6, 2, &sAVX2),
		})
	}
	return levels
}

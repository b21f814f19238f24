package gemm

// Levels returns the instruction sets that this CPU has, the fastest first. All 64-bit ARM CPUs that Go runs on have
// NEON.
func Levels() []*Level {
	return []*Level{{
		Name:    "NEON",
		Float64: newPrecision(8, 16, 8, 3, &dNEON),
		Float32: newPrecision(4, 16, 8, 3, &sNEON),
	}}
}

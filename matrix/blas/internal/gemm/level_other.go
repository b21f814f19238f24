//go:build !(amd64 || arm64)

package gemm

// Levels returns nothing: there is no assembly for this CPU.
func Levels() []*Level { return nil }

package gemm

// Level is an instruction set with its kernels.
type Level struct {
	Name             string
	Float64, Float32 *Precision
}

package server

import (
	"log/slog"

	"github.com/millrace/millrace/matrix/blas"
)

// BuiltinHint says how to get a faster kernel than the built-in one.
const BuiltinHint = "no BLAS library was found; one would be about five times faster than the built-in kernel: " +
	"install libopenblas0-pthread (Debian, Ubuntu) or openblas (Fedora, Homebrew), or name one with --blas"

// openKernel loads the BLAS library at path, or the first of the usual names, and logs which one it is.
func openKernel(path string, log *slog.Logger) (blas.Kernel, error) {
	kernel, err := blas.Open(path)
	if err != nil {
		return nil, err
	}
	log.Info("arithmetic", "kernel", kernel.Name())
	if blas.IsPortable(kernel) && path == "" {
		log.Warn(BuiltinHint)
	}
	return kernel, nil
}

package server

import (
	"log/slog"

	"github.com/millrace/millrace/matrix/blas"
)

// BuiltinHint says how to get a faster kernel on a CPU for which there is no fast built-in one.
const BuiltinHint = "no BLAS library was found, and the built-in kernel has no assembly for this CPU: a library " +
	"would be about five times faster: " +
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

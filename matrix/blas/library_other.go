//go:build !((darwin || linux) && (amd64 || arm64 || ppc64le || riscv64))

package blas

import "errors"

// Libraries returns nothing: this system has only the built-in Kernels.
func Libraries() ([]Kernel, []error) { return nil, nil }

func openLibrary(string, bool) (Kernel, error) {
	return nil, errors.New("this system has only the built-in kernel")
}

//go:build !((darwin || linux) && (amd64 || arm64 || ppc64le || riscv64))

package blas

import "errors"

func usualLibraries() []string { return nil }

func openLibrary(string) (Kernel, error) {
	return nil, errors.New("this system has only the built-in kernel")
}

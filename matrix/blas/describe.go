package blas

import "strings"

// Description says what a Kernel is.
type Description struct {
	Kernel  string // "built-in", or the name of the library: "OpenBLAS", "MKL", …
	Version string // of the library; empty for built-in Kernels, and where the library does not tell
	Core    string // the instruction set, "gonum", or the CPU that the library computes for; empty if it does not tell
	File    string // of the library; empty for built-in Kernels
}

// String returns what is known, for people.
func (d Description) String() string {
	words := []string{d.Kernel}
	for _, word := range []string{d.Version, d.Core} {
		if word != "" {
			words = append(words, word)
		}
	}
	if d.File != "" {
		words = append(words, "("+d.File+")")
	}
	return strings.Join(words, " ")
}

// Describe returns what is known about kernel.
func Describe(kernel Kernel) Description {
	if k, ok := kernel.(interface{ description() Description }); ok {
		return k.description()
	}
	return Description{Kernel: kernel.Name()}
}

func (k builtin) description() Description {
	return Description{Kernel: "built-in", Core: k.level.Name}
}

func (k *portable) description() Description { return Description{Kernel: "built-in", Core: "gonum"} }

package server

import (
	"fmt"
	"log/slog"
	"math"
	"strings"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs/queue/kernels"
	"github.com/millrace/millrace/matrix/blas"
)

// BuiltinHint says how to get a faster kernel on a CPU for which there is no fast built-in one.
const BuiltinHint = "no BLAS library was found, and the built-in kernel has no assembly for this CPU: a library " +
	"would be about five times faster: " +
	"install libopenblas0-pthread (Debian, Ubuntu) or openblas (Fedora, Homebrew), or name one with --blas"

// chooseKernel opens the kernel that name stands for, or chooses the fastest of this machine, and logs which one it is
// and how fast.
func chooseKernel(name string, log *slog.Logger) (*blas.Choice, error) {
	choice, err := blas.Choose(name)
	if err != nil {
		return nil, err
	}
	for _, err := range choice.Unusable {
		log.Warn("a BLAS library is installed and cannot be used", "error", err)
	}
	about := describe(choice.Kernel)
	log.Info("arithmetic",
		"kernel", about.Kernel,
		"version", about.Version,
		"core", about.Core,
		"file", about.File,
		"gflops", rounded(choice.GFLOPS),
		"measured", measured(choice.Measured),
	)
	if name == "" && blas.IsPortable(choice.Kernel) {
		log.Warn(BuiltinHint)
	}
	return &choice, nil
}

// describe returns what kernel is. The version of a built-in one is that of the binary.
func describe(kernel blas.Kernel) blas.Description {
	d := blas.Describe(kernel)
	if blas.IsBuiltin(kernel) {
		d.Version = Version()
	}
	return d
}

// measured lists candidates and their rates in GFLOP/s.
func measured(all []blas.Measured) string {
	var texts []string
	for _, m := range all {
		texts = append(texts, fmt.Sprintf("%s: %.1f", m.Kernel.Name(), m.GFLOPS))
	}
	return strings.Join(texts, ", ")
}

// rounded rounds a rate to one decimal, which is more than a measurement of some milliseconds tells.
func rounded(gflops float64) float64 { return math.Round(10*gflops) / 10 }

// told returns what a process tells others of its kernel, nil in an API.
func told(choice *blas.Choice) *kernels.Own {
	if choice == nil {
		return nil
	}
	d := describe(choice.Kernel)
	return &kernels.Own{
		Name:    d.Kernel,
		Version: d.Version,
		Core:    d.Core,
		GFLOPS:  rounded(choice.GFLOPS),
	}
}

// ofSite returns what the overview tells about the kernel of the process, nothing in an API.
func ofSite(choice *blas.Choice) *resource.Kernel {
	return (*resource.Kernel)(told(choice))
}

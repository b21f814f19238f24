//go:build (darwin || linux) && (amd64 || arm64 || ppc64le || riscv64)

package blas

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/ebitengine/purego"
)

// coreType is the variable that tells OpenBLAS for which CPU to compute.
const coreType = "OPENBLAS_CORETYPE"

// libc has the functions of the C library that work on the environment of C code. It is not that of Go, which is a
// copy.
var libc = sync.OnceValues(func() (*libcEnvironment, error) {
	e := &libcEnvironment{}
	for name, function := range map[string]any{"setenv": &e.setenv, "unsetenv": &e.unsetenv, "getenv": &e.getenv} {
		address, err := purego.Dlsym(purego.RTLD_DEFAULT, name)
		if err != nil {
			return nil, fmt.Errorf("find %s in the C library: %w", name, err)
		}
		purego.RegisterFunc(function, address)
	}
	return e, nil
})

type libcEnvironment struct {
	setenv   func(name, value string, overwrite int32) int32
	unsetenv func(name string) int32
	getenv   func(name string) string // empty if it is not set
}

// prepareEnvironment sets, before a library is loaded, what makes it behave: it must not start threads of its own,
// which would wait for work that never comes. What the user has set stays.
var prepareEnvironment = sync.OnceFunc(func() {
	_ = setenv("OPENBLAS_NUM_THREADS", "1", false) // libraries also get calls that set the number
})

// setenv sets a variable in the environment of C code.
func setenv(name, value string, overwrite bool) error {
	c, err := libc()
	if err != nil {
		return err
	}
	var over int32
	if overwrite {
		over = 1
	}
	if c.setenv(name, value, over) != 0 {
		return fmt.Errorf("setenv %s: failed", name)
	}
	return nil
}

// unsetenv removes a variable from the environment of C code.
func unsetenv(name string) error {
	c, err := libc()
	if err != nil {
		return err
	}
	if c.unsetenv(name) != 0 {
		return fmt.Errorf("unsetenv %s: failed", name)
	}
	return nil
}

// userHasCoreType reports whether the user has chosen a CPU for OpenBLAS.
func userHasCoreType() bool {
	_, ok := os.LookupEnv(coreType)
	return ok
}

// withoutAVX2 are the names that OpenBLAS has for x86 CPUs without AVX2 or FMA.
var withoutAVX2 = []string{
	"unknown", "generic", "katmai", "coppermine", "northwood", "prescott", "banias", "atom", "core2", "penryn",
	"dunnington", "nehalem", "sandybridge", "athlon", "opteron", "opteron_sse3", "barcelona", "nano", "bobcat",
	"bulldozer", "piledriver", "steamroller",
}

// knownCore returns the name of a CPU that an OpenBLAS should compute for in place of the one that it has recognized,
// or nothing. An OpenBLAS that is older than the CPU may recognize none, and compute with the instructions that all
// have: those before 0.3.25 do so on Intel's server CPUs since Sapphire Rapids, with a fifth of the speed.
func knownCore(d Description, chosen bool) string {
	return coreFor(d, chosen, Levels())
}

func coreFor(d Description, chosen bool, levels []string) string {
	switch {
	case chosen || d.Kernel != "OpenBLAS" || !slices.Contains(withoutAVX2, strings.ToLower(d.Core)):
		return ""
	case slices.Contains(levels, "avx512"):
		return "SkylakeX"
	case slices.Contains(levels, "avx2"):
		return "Haswell"
	}
	return ""
}

package main

import (
	"bytes"
	"fmt"
)

// isa is an instruction set of amd64 and the shapes of its kernels.
type isa struct {
	name      string
	level     string
	reg       string // the prefix of the vector registers
	registers int
	width     int // of a vector register, in bytes
	rows      int // of the tile of the packed kernel
	vectors   int // in a row of that tile
	// widest is the number of vectors in a row of the widest tile with this number of rows.
	widest []int
}

var avx512 = isa{
	name:      "AVX512",
	level:     "AVX-512",
	reg:       "Z",
	registers: 32,
	width:     64,
	rows:      8,
	vectors:   3,
	widest:    []int{0, 8, 8, 6, 6, 4, 4, 3, 3},
}

var avx2 = isa{
	name:      "AVX2",
	level:     "AVX2",
	reg:       "Y",
	registers: 16,
	width:     32,
	rows:      6,
	vectors:   2,
	widest:    []int{0, 8, 4, 3, 2, 2, 2},
}

// block is the number of elements of a row of A that lie together in packed A, and of steps in the packed kernel's
// loop.
const block = 8

// element is a type of elements.
type element struct {
	prefix string // of the names of functions
	suffix string // of instructions
	size   int    // in bytes
}

var elements = []element{{"d", "D", 8}, {"s", "S", 4}}

// assembler writes instructions for one instruction set and type of elements.
type assembler struct {
	bytes.Buffer
	isa
	element
	// full is true where all lanes of the last vector count.
	full bool
}

// ins writes one instruction, or several that belong together.
func (a *assembler) ins(format string, args ...any) { fmt.Fprintf(a, "\t"+format+"\n", args...) }

// label writes a label.
func (a *assembler) label(name string) { fmt.Fprintf(a, "%s:\n", name) }

// vector returns the name of a vector register.
func (a *assembler) vector(i int) string { return fmt.Sprintf("%s%d", a.reg, i) }

// clear returns the instruction that sets a register to zero.
func (a *assembler) clear(i int) string {
	v := a.vector(i)
	if a.width == 64 {
		return fmt.Sprintf("VPXORQ %s, %s, %s", v, v, v)
	}
	return fmt.Sprintf("VXORPS %s, %s, %s", v, v, v)
}

// clearAll sets the first n registers to zero.
func (a *assembler) clearAll(n int) {
	for i := 0; i < n; i += 2 {
		if i+1 == n {
			a.ins("%s", a.clear(i))
			return
		}
		a.ins("%s; %s", a.clear(i), a.clear(i+1))
	}
}

// amd64Assembly returns the assembly file of an instruction set.
func amd64Assembly(set isa) []byte {
	out := bytes.NewBufferString(header + "#include \"textflag.h\"\n#include \"go_asm.h\"\n")
	for _, e := range elements {
		a := &assembler{
			isa:     set,
			element: e,
		}
		a.packedKernel()
		a.peakKernel()
		a.packA()
		a.packB()
		a.sumA()
		a.sumB()
		for rows := 1; rows <= set.rows; rows++ {
			for vectors := 1; vectors <= set.widest[rows]; vectors++ {
				a.directKernel(rows, vectors)
			}
		}
		for _, rows := range dotRows {
			for _, columns := range set.dotColumns() {
				a.dotKernel(rows, columns)
			}
		}
		out.Write(a.Bytes())
	}
	return out.Bytes()
}

// amd64Declarations returns the Go file that declares the functions of amd64Assembly.
func amd64Declarations(set isa) []byte {
	out := bytes.NewBufferString(header + "package gemm\n\n")
	for _, e := range elements {
		functions := []string{"gemm", "peak", "packA", "packB", "sumA", "sumB"}
		fmt.Fprintf(out, "// %s%s are the functions of %s for elements of %d bytes.\n", e.prefix, set.name, set.level, e.size)
		fmt.Fprintf(out, "var %s%s = assembly{\n", e.prefix, set.name)
		for i, field := range []string{"packed:", "peak:  ", "packA: ", "packB: ", "sumA:  ", "sumB:  "} {
			fmt.Fprintf(out, "\t%s %s%s%s,\n", field, e.prefix, functions[i], set.name)
			functions[i] = e.prefix + functions[i] + set.name
		}
		fmt.Fprint(out, "\tdirect: [][]func(t *tile){\n")
		for rows := 1; rows <= set.rows; rows++ {
			fmt.Fprintf(out, "\t\t%d: {\n", rows)
			for vectors := 1; vectors <= set.widest[rows]; vectors++ {
				functions = append(functions, directName(e, set, rows, vectors))
				fmt.Fprintf(out, "\t\t\t%d: %s,\n", vectors, functions[len(functions)-1])
			}
			fmt.Fprint(out, "\t\t},\n")
		}
		fmt.Fprint(out, "\t},\n\tdot: [][]func(t *tile){\n")
		for _, rows := range dotRows {
			fmt.Fprintf(out, "\t\t%d: {\n", rows)
			for _, columns := range set.dotColumns() {
				functions = append(functions, dotName(e, set, rows, columns))
				fmt.Fprintf(out, "\t\t\t%d: %s,\n", columns, functions[len(functions)-1])
			}
			fmt.Fprint(out, "\t\t},\n")
		}
		fmt.Fprint(out, "\t},\n}\n\n")
		for _, name := range functions {
			fmt.Fprintf(out, "//go:noescape\nfunc %s(t *tile)\n\n", name)
		}
	}
	out.Truncate(out.Len() - 1)
	return out.Bytes()
}

func directName(e element, set isa, rows, vectors int) string {
	return fmt.Sprintf("%s%s%dx%d", e.prefix, set.name, rows, vectors)
}

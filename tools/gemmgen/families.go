package main

import (
	"bytes"
	"fmt"
	"strings"
)

// family is a kind of kernels of amd64, which has files of its own: the assembly, and the Go file that declares it.
type family struct {
	name string // in the names of the files, behind the instruction set
	// assembly writes the functions for one type of elements.
	assembly func(a *assembler)
	// variable writes the variable that has the functions for one type of elements, and returns their names.
	variable func(out *bytes.Buffer, e element, set isa) []string
}

var families = []family{
	{
		assembly: packedAssembly,
		variable: packedVariable,
	},
	{
		name:     "_direct",
		assembly: directAssembly,
		variable: directVariable,
	},
	{
		name:     "_dot",
		assembly: dotAssembly,
		variable: dotVariable,
	},
}

// kernels is the folder of the kernels, below that of package matrix.
const kernels = "blas/internal/gemm/"

// amd64Files returns the files of an instruction set.
func amd64Files(name string, set isa) []file {
	var all []file
	for _, f := range families {
		all = append(all,
			file{kernels + name + f.name + "_amd64.s", f.allAssembly(set)},
			file{kernels + name + f.name + "_amd64.go", f.declarations(set)})
	}
	return all
}

// allAssembly returns the assembly file of an instruction set.
func (f family) allAssembly(set isa) []byte {
	out := bytes.NewBufferString(header + "#include \"textflag.h\"\n#include \"go_asm.h\"\n")
	for _, e := range elements {
		a := &assembler{
			isa:     set,
			element: e,
		}
		f.assembly(a)
		out.Write(a.Bytes())
	}
	return out.Bytes()
}

// declarations returns the Go file that declares the functions of allAssembly.
func (f family) declarations(set isa) []byte {
	out := bytes.NewBufferString(header + "package gemm\n\n")
	for _, e := range elements {
		for _, name := range f.variable(out, e, set) {
			fmt.Fprintf(out, "\n//go:noescape\nfunc %s(t *tile)\n", name)
		}
		fmt.Fprintln(out)
	}
	out.Truncate(out.Len() - 1)
	return out.Bytes()
}

func packedAssembly(a *assembler) {
	a.packedKernel()
	a.peakKernel()
	a.packA()
	a.packB()
	a.sumA()
	a.sumB()
}

func packedVariable(out *bytes.Buffer, e element, set isa) []string {
	functions := []string{"gemm", "peak", "packA", "packB", "sumA", "sumB"}
	fmt.Fprintf(out, "// %s%s are the functions of %s for elements of %d bytes.\n", e.prefix, set.name, set.level, e.size)
	fmt.Fprintf(out, "var %s%s = assembly{\n", e.prefix, set.name)
	for i, field := range []string{"packed:", "peak:  ", "packA: ", "packB: ", "sumA:  ", "sumB:  "} {
		functions[i] = e.prefix + functions[i] + set.name
		fmt.Fprintf(out, "\t%s %s,\n", field, functions[i])
	}
	fmt.Fprintf(out, "\tdirect: %sDirect%s,\n\tdot:    %sDot%s,\n}\n", e.prefix, set.name, e.prefix, set.name)
	return functions
}

func directAssembly(a *assembler) {
	for rows := 1; rows <= a.rows; rows++ {
		for vectors := 1; vectors <= a.widest[rows]; vectors++ {
			a.directKernel(rows, vectors)
		}
	}
}

func directVariable(out *bytes.Buffer, e element, set isa) []string {
	var functions []string
	const comment = "// %sDirect%s has the kernels of %s for unpacked operands," +
		" by rows and vectors. Elements have %d bytes.\n"
	fmt.Fprintf(out, comment, e.prefix, set.name, set.level, e.size)
	fmt.Fprintf(out, "var %sDirect%s = [][]func(t *tile){\n", e.prefix, set.name)
	for rows := 1; rows <= set.rows; rows++ {
		row := []string{"nil"}
		for vectors := 1; vectors <= set.widest[rows]; vectors++ {
			row = append(row, directName(e, set, rows, vectors))
		}
		fmt.Fprintf(out, "\t%d: {%s},\n", rows, strings.Join(row, ", "))
		functions = append(functions, row[1:]...)
	}
	fmt.Fprint(out, "}\n")
	return functions
}

func dotAssembly(a *assembler) {
	for _, rows := range dotRows {
		for _, columns := range a.dotColumns() {
			a.dotKernel(rows, columns)
		}
	}
}

func dotVariable(out *bytes.Buffer, e element, set isa) []string {
	var functions []string
	fmt.Fprintf(out, "// %sDot%s has the kernels of %s for few columns, by rows and columns. Elements have %d bytes.\n",
		e.prefix, set.name, set.level, e.size)
	fmt.Fprintf(out, "var %sDot%s = [][]func(t *tile){\n", e.prefix, set.name)
	for _, rows := range dotRows {
		row := []string{}
		for _, columns := range set.dotColumns() {
			name := dotName(e, set, rows, columns)
			row = append(row, fmt.Sprintf("%d: %s", columns, name))
			functions = append(functions, name)
		}
		fmt.Fprintf(out, "\t%d: {%s},\n", rows, strings.Join(row, ", "))
	}
	fmt.Fprint(out, "}\n")
	return functions
}

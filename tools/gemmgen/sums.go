package main

import (
	"bytes"
	"fmt"
)

// sumsRows are the numbers of rows that are summed side by side.
var sumsRows = []int{1, 4}

// sumsAssembly returns the assembly file of the weighted sums for an instruction set.
func sumsAssembly(set isa) []byte {
	out := bytes.NewBufferString(header + "#include \"textflag.h\"\n#include \"go_asm.h\"\n")
	for _, e := range elements {
		a := &assembler{
			isa:     set,
			element: e,
		}
		for _, rows := range sumsRows {
			a.sumsKernel(rows)
		}
		out.Write(a.Bytes())
	}
	return out.Bytes()
}

// sumsDeclarations returns the Go file that declares the functions of sumsAssembly.
func sumsDeclarations(set isa) []byte {
	out := bytes.NewBufferString(header + "package sums\n")
	for _, e := range elements {
		for _, rows := range sumsRows {
			fmt.Fprintf(out, "\n//go:noescape\nfunc %s(c *call)\n", sumsName(e, set, rows))
		}
	}
	return out.Bytes()
}

func sumsName(e element, set isa, rows int) string {
	return fmt.Sprintf("%ssums%s%d", e.prefix, set.name, rows)
}

// sumsKernel writes the function that adds to c.sums and c.bounds the weighted sums of c.groups times some rows, of
// c.vectors vectors each. It computes in float64.
//
// Registers: DI c, SI the first row of the group, R9 and R10 the bytes between rows times 1 and 3, BX the place in the
// row, AX and DX those in the weights, CX the vectors left, R8 and R11 the sums and bounds, R12 the groups left. The
// first registers are the sums, then the bounds, then the weights; the last is a mask without signs.
func (a *assembler) sumsKernel(rows int) {
	name := sumsName(a.element, a.isa, rows)
	weights := 2 * rows
	mask := a.vector(a.registers - 1)
	fmt.Fprintf(a, "\n// func %s(c *call)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ c+0(FP), DI")
	a.ins("MOVQ call_x(DI), SI; MOVQ call_row(DI), R9; LEAQ (R9)(R9*2), R10; MOVQ call_groups(DI), R12")
	a.ins("MOVQ call_sums(DI), R8; MOVQ call_bounds(DI), R11")
	a.signMask()
	a.label("group")
	a.ins("MOVQ SI, BX; MOVQ call_r(DI), AX; MOVQ call_w(DI), DX; MOVQ call_vectors(DI), CX")
	a.clearAll(2 * rows)
	a.label("vector")
	a.ins("VMOVUPD (AX), %s; VMOVUPD (DX), %s", a.vector(weights), a.vector(weights+1))
	for row := range rows {
		x := a.vector(weights + 2 + row%2*2)
		abs := a.vector(weights + 3 + row%2*2)
		at := "(BX)" + []string{"", "(R9*1)", "(R9*2)", "(R10*1)"}[row]
		load := "VMOVUPD"
		if a.size == 4 {
			load = "VCVTPS2PD"
		}
		and := "VANDPD"
		a.ins("%s %s, %s; %s %s, %s, %s", load, at, x, and, mask, x, abs)
		a.ins("VFMADD231PD %s, %s, %s; VFMADD231PD %s, %s, %s", a.vector(weights), x, a.vector(row),
			a.vector(weights+1), abs, a.vector(rows+row))
	}
	a.ins("ADDQ $%d, BX; ADDQ $%d, AX; ADDQ $%d, DX; DECQ CX; JNZ vector", a.width/8*a.size, a.width, a.width)
	for row := range rows {
		a.sumsStore(row, weights, row, "R8")
		a.sumsStore(rows+row, weights, row, "R11")
	}
	a.ins("ADDQ $%d, R8; ADDQ $%d, R11; LEAQ (SI)(R9*%d), SI; DECQ R12; JNZ group", 8*rows, 8*rows, rows)
	a.ins("VZEROUPPER; RET")
}

// sumsStore adds the lanes of an accumulator to a number in memory.
func (a *assembler) sumsStore(acc, spare, index int, base string) {
	extract := "VEXTRACTF128"
	if a.width == 64 {
		extract = "VEXTRACTF64X2"
		a.ins("VEXTRACTF64X4 $1, Z%d, Y%d; VADDPD Y%d, Y%d, Y%d", acc, spare, spare, acc, acc)
	}
	a.ins("%s $1, Y%d, X%d; VADDPD X%d, X%d, X%d", extract, acc, spare, spare, acc, acc)
	a.ins("VHADDPD X%d, X%d, X%d", acc, acc, acc)
	a.ins("VADDSD %d(%s), X%d, X%d; VMOVSD X%d, %d(%s)", 8*index, base, acc, acc, acc, 8*index, base)
}

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// The tile of the packed kernels of arm64: 24 of the 32 vector registers hold it.
const (
	neonRows    = 8
	neonVectors = 3
	neonWidth   = 16
)

// neon writes instructions for one type of elements.
type neon struct {
	bytes.Buffer
	element
	arrangement string // of the lanes of a vector
}

func (n *neon) ins(format string, args ...any) { fmt.Fprintf(n, "\t"+format+"\n", args...) }

// label begins a line to which others jump.
func (n *neon) label(name string) { fmt.Fprintf(n, "%s:\n", name) }

// row returns the registers that hold a row of the tile.
func (n *neon) row(first int) string {
	names := make([]string, neonVectors)
	for v := range names {
		names[v] = n.vector(first + v)
	}
	return "[" + strings.Join(names, ", ") + "]"
}

func (n *neon) vector(i int) string { return fmt.Sprintf("V%d.%s", i, n.arrangement) }

// arm64Assembly returns the assembly file of arm64.
func arm64Assembly() []byte {
	out := bytes.NewBufferString(header + "#include \"textflag.h\"\n#include \"go_asm.h\"\n")
	for i, e := range elements {
		n := &neon{
			element:     e,
			arrangement: []string{"D2", "S4"}[i],
		}
		n.packedKernel()
		out.Write(n.Bytes())
	}
	return out.Bytes()
}

// arm64Declarations returns the Go file that declares the functions of arm64Assembly.
func arm64Declarations() []byte {
	out := bytes.NewBufferString(header + "package gemm\n")
	for _, e := range elements {
		name := e.prefix + "gemmNEON"
		fmt.Fprintf(out, "\n// %sNEON are the functions of NEON for elements of %d bytes.\n", e.prefix, e.size)
		fmt.Fprintf(out, "var %sNEON = assembly{packed: %s}\n", e.prefix, name)
		fmt.Fprintf(out, "\n//go:noescape\nfunc %s(t *tile)\n", name)
	}
	return out.Bytes()
}

// packedKernel writes the counterpart of assembler.packedKernel.
//
// Registers: R0 to R7 the rows of A, R8 t, R9 the place in B, R10 the tile of C, R11 the bytes between its rows, R12
// the micro-panels left, R13 blocks of k, R14 the rest of k, R15 the count of a loop, R19 the micro-panel of A, R20 a
// row of C, R21 a distance.
func (n *neon) packedKernel() {
	name := n.prefix + "gemmNEON"
	fmt.Fprintf(n, "\n// func %s(t *tile)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	n.ins("MOVD t+0(FP), R8")
	n.ins("MOVD tile_a(R8), R19; MOVD tile_c(R8), R10; MOVD tile_cRow(R8), R11; MOVD tile_panels(R8), R12")
	n.ins("MOVD tile_k(R8), R13; AND $7, R13, R14; LSR $3, R13, R13")
	n.label("panel")
	n.ins("MOVD R19, R0; MOVD tile_b(R8), R9; MOVD R10, R20")
	for row := 1; row < neonRows; row++ {
		n.ins("ADD $%d, R19, R%d", row*block*n.size, row)
	}
	n.ins("MOVD tile_accumulate(R8), R21; CBZ R21, zero")
	for row := range neonRows {
		n.ins("VLD1 (R20), %s; ADD R11, R20, R20", n.row(row*neonVectors))
	}
	n.ins("B start")
	n.label("zero")
	for v := range neonRows * neonVectors {
		n.ins("VEOR V%d.B16, V%d.B16, V%d.B16", v, v, v)
	}
	n.label("start")
	n.ins("MOVD R13, R15; CBZ R15, rest")
	n.label("block")
	for range block {
		n.step()
	}
	for row := range neonRows {
		n.ins("ADD $%d, R%d, R%d", (neonRows-1)*block*n.size, row, row)
	}
	n.ins("SUB $1, R15, R15; CBNZ R15, block")
	n.label("rest")
	n.ins("MOVD R14, R15; CBZ R15, store")
	n.label("step")
	n.step()
	n.ins("SUB $1, R15, R15; CBNZ R15, step")
	n.label("store")
	for row := range neonRows {
		n.ins("VST1 %s, (R10); ADD R11, R10, R10", n.row(row*neonVectors))
	}
	n.ins("MOVD tile_aNext(R8), R21; ADD R21, R19, R19; SUB $1, R12, R12; CBNZ R12, panel")
	n.ins("RET")
}

// step adds the terms of one k.
func (n *neon) step() {
	const b = neonRows * neonVectors
	n.ins("VLD1.P %d(R9), %s", neonVectors*neonWidth, n.row(b))
	for row := range neonRows {
		broadcast := b + neonVectors + row%(32-b-neonVectors)
		line := fmt.Sprintf("VLD1R.P %d(R%d), [%s]", n.size, row, n.vector(broadcast))
		for v := range neonVectors {
			line += fmt.Sprintf("; VFMLA %s, %s, %s", n.vector(b+v), n.vector(broadcast), n.vector(row*neonVectors+v))
		}
		n.ins("%s", line)
	}
}

package main

import "fmt"

// dotRows are the numbers of rows of the tiles that have a dot kernel.
var dotRows = []int{1, 2, 4}

// dotColumns returns the numbers of columns of the tiles that have a dot kernel.
func (set isa) dotColumns() []int {
	if set.registers > 16 {
		return []int{1, 2, 4}
	}
	return []int{1, 2}
}

func dotName(e element, set isa, rows, columns int) string {
	return fmt.Sprintf("%sdot%s%dx%d", e.prefix, set.name, rows, columns)
}

// dotKernel writes the kernel for few columns: its vectors run along the rows of A and of the transpose of B, t.bRow
// bytes apart. It computes t.panels tiles, one below the other. t.k counts vectors, of which the last may be partial.
//
// Registers: DI t, AX the first row of the tile, SI the place in it, R9 and R10 the bytes between rows of A times 1
// and 3, BX the place in B, R13 and CX the bytes between columns times 1 and 3, DX what is left of k, R8 the tile of
// C, R11 the bytes between its rows, R12 the tiles left.
func (a *assembler) dotKernel(rows, columns int) {
	name := dotName(a.element, a.isa, rows, columns)
	unroll := max(1, 8/(rows*columns))
	fmt.Fprintf(a, "\n// func %s(t *tile)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ t+0(FP), DI")
	a.ins("MOVQ tile_a(DI), AX; MOVQ tile_aRow(DI), R9; LEAQ (R9)(R9*2), R10; MOVQ tile_bRow(DI), R13")
	a.ins("MOVQ tile_c(DI), R8; MOVQ tile_cRow(DI), R11; MOVQ tile_panels(DI), R12")
	a.ins("MOVQ tile_mask(DI), CX; %s", a.loadMask())
	if columns > 2 {
		a.ins("LEAQ (R13)(R13*2), CX")
	}
	a.label("panel")
	a.ins("MOVQ AX, SI; MOVQ tile_b(DI), BX")
	a.clearAll(rows * columns * unroll)
	a.dotLoadC(rows, columns)
	a.ins("MOVQ tile_k(DI), DX")
	if unroll > 1 {
		a.ins("SUBQ $%d, DX; JLE few", unroll)
		a.label("many")
		for u := range unroll {
			a.dotStep(rows, columns, u, u*rows*columns, false)
		}
		a.ins("ADDQ $%d, SI; ADDQ $%d, BX; SUBQ $%d, DX; JG many", unroll*a.width, unroll*a.width, unroll)
		a.label("few")
		a.ins("ADDQ $%d, DX", unroll)
	}
	a.ins("DECQ DX; JZ last")
	a.label("one")
	a.dotStep(rows, columns, 0, 0, false)
	a.ins("ADDQ $%d, SI; ADDQ $%d, BX; DECQ DX; JNZ one", a.width, a.width)
	a.label("last")
	a.dotStep(rows, columns, 0, 0, true)
	for u := 1; u < unroll; u++ {
		for i := range rows * columns {
			a.ins("VADDP%s %s, %s, %s", a.suffix, a.vector(u*rows*columns+i), a.vector(i), a.vector(i))
		}
	}
	a.dotStore(rows, columns)
	a.ins("LEAQ (AX)(R9*%d), AX; DECQ R12; JNZ panel", rows)
	a.ins("VZEROUPPER; RET")
}

// dotStep adds a vector of terms to the accumulators from first on, the u-th of those that SI and BX point to.
func (a *assembler) dotStep(rows, columns, u, first int, last bool) {
	free := a.registers / 2 // registers from here on are not accumulators
	for column := range columns {
		at := fmt.Sprintf("%d(BX)%s", u*a.width, []string{"", "(R13*1)", "(R13*2)", "(CX*1)"}[column])
		a.ins("%s", a.dotLoad(at, free+column, last))
	}
	for row := range rows {
		at := fmt.Sprintf("%d(SI)%s", u*a.width, []string{"", "(R9*1)", "(R9*2)", "(R10*1)"}[row])
		if columns == 1 && !last {
			a.ins("VFMADD231P%s %s, %s, %s", a.suffix, at, a.vector(free), a.vector(first+row))
			continue
		}
		register := free + columns + row
		a.ins("%s", a.dotLoad(at, register, last))
		for column := range columns {
			a.ins("VFMADD231P%s %s, %s, %s", a.suffix, a.vector(free+column), a.vector(register),
				a.vector(first+row*columns+column))
		}
	}
}

// dotLoad returns the instruction that loads a vector, the last one under the mask.
func (a *assembler) dotLoad(at string, register int, last bool) string {
	switch {
	case !last:
		return fmt.Sprintf("VMOVUP%s %s, %s", a.suffix, at, a.vector(register))
	case a.width == 64:
		return fmt.Sprintf("VMOVUP%s.Z %s, K1, %s", a.suffix, at, a.vector(register))
	default:
		return fmt.Sprintf("VMASKMOVP%s %s, Y15, %s", a.suffix, at, a.vector(register))
	}
}

// dotLoadC loads the tile of C into the first lanes of the accumulators if it counts.
func (a *assembler) dotLoadC(rows, columns int) {
	a.ins("CMPQ tile_accumulate(DI), $0; JEQ start")
	a.ins("MOVQ R8, DX")
	for row := range rows {
		for column := range columns {
			a.ins("VMOVS%s %d(DX), X%d", a.suffix, column*a.size, row*columns+column)
		}
		if row < rows-1 {
			a.ins("ADDQ R11, DX")
		}
	}
	a.label("start")
}

// dotStore adds up the lanes of each accumulator, and writes the sums to C.
func (a *assembler) dotStore(rows, columns int) {
	spare := a.registers / 2
	extract := "VEXTRACTF128"
	if a.width == 64 {
		extract = "VEXTRACTF32X4"
		for i := range rows * columns {
			a.ins("VEXTRACTF64X4 $1, Z%d, Y%d; VADDP%s Y%d, Y%d, Y%d", i, spare, a.suffix, spare, i, i)
		}
	}
	if rows == 4 {
		for first := 0; first < rows*columns; first += 4 {
			a.dotSums(first)
			a.dotStoreSums(first, columns)
		}
		return
	}
	for row := range rows {
		for column := range columns {
			i := row*columns + column
			a.ins("%s $1, Y%d, X%d; VADDP%s X%d, X%d, X%d", extract, i, spare, a.suffix, spare, i, i)
			for n := 16 / a.size; n > 1; n /= 2 {
				a.ins("VHADDP%s X%d, X%d, X%d", a.suffix, i, i, i)
			}
			a.ins("VMOVS%s X%d, %d(R8)", a.suffix, i, column*a.size)
		}
		a.ins("ADDQ R11, R8")
	}
}

// dotSums adds up the lanes of four accumulators: the sums are the lanes of the first of them, 32 bytes of float64 or
// 16 of float32.
func (a *assembler) dotSums(i int) {
	a.ins("VHADDP%s Y%d, Y%d, Y%d; VHADDP%s Y%d, Y%d, Y%d", a.suffix, i+1, i, i, a.suffix, i+3, i+2, i+2)
	if a.size == 8 {
		a.ins("VPERM2F128 $0x20, Y%d, Y%d, Y%d; VPERM2F128 $0x31, Y%d, Y%d, Y%d", i+2, i, i+1, i+2, i, i)
		a.ins("VADDPD Y%d, Y%d, Y%d", i+1, i, i)
		return
	}
	a.ins("VHADDPS Y%d, Y%d, Y%d", i+2, i, i)
	a.ins("VEXTRACTF128 $1, Y%d, X%d; VADDPS X%d, X%d, X%d", i, i+1, i+1, i, i)
}

// dotStoreSums writes the result of dotSums to as many rows of C as it has.
func (a *assembler) dotStoreSums(i, columns int) {
	switch {
	case columns == 4 && a.size == 8:
		a.ins("VMOVUPD Y%d, (R8); ADDQ R11, R8", i)
	case columns == 4:
		a.ins("VMOVUPS X%d, (R8); ADDQ R11, R8", i)
	case columns == 2 && a.size == 8:
		a.ins("VMOVUPD X%d, (R8); ADDQ R11, R8; VEXTRACTF128 $1, Y%d, (R8); ADDQ R11, R8", i, i)
	case columns == 2:
		a.ins("VMOVLPS X%d, (R8); ADDQ R11, R8; VMOVHPS X%d, (R8); ADDQ R11, R8", i, i)
	case a.size == 8:
		a.ins("VEXTRACTF128 $1, Y%d, X%d", i, i+1)
		for _, x := range []int{i, i + 1} {
			a.ins("VMOVLPD X%d, (R8); ADDQ R11, R8; VMOVHPD X%d, (R8); ADDQ R11, R8", x, x)
		}
	default:
		for lane := range 4 {
			a.ins("VEXTRACTPS $%d, X%d, (R8); ADDQ R11, R8", lane, i)
		}
	}
}

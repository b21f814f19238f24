package main

import "fmt"

func directName(e element, set isa, rows, vectors int) string {
	return fmt.Sprintf("%s%s%dx%d", e.prefix, set.name, rows, vectors)
}

// directKernel writes the kernel that multiplies a tile of a fixed number of rows and vectors, of which the last may
// be partial. Neither A nor B need be packed: t says how far rows are apart. After each block of k it skips t.aNext
// bytes of A, so that it reads packed A as well.
//
// Registers: DI t, SI the column of A, AX the same eight rows below, R9 to R12 the bytes between rows of A times 1,
// 3, 5 and 7, BX the row of B, R13 the bytes between its rows, DX what is left of k, CX what is left of the block, R8
// the tile of C, later R9 the bytes between its rows.
func (a *assembler) directKernel(rows, vectors int) {
	name := directName(a.element, a.isa, rows, vectors)
	fmt.Fprintf(a, "\n// func %s(t *tile)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ t+0(FP), DI")
	a.ins("MOVQ tile_a(DI), SI; MOVQ tile_aRow(DI), R9; MOVQ tile_b(DI), BX; MOVQ tile_bRow(DI), R13")
	a.ins("MOVQ tile_c(DI), R8; MOVQ tile_k(DI), DX; MOVQ tile_mask(DI), CX; %s", a.loadMask())
	a.rowOffsets(rows)
	a.clearAll(rows * vectors)
	if a.width == 64 {
		a.directLoop(rows, vectors, "")
		return
	}
	// Masks cost nothing with AVX-512 and a lot with AVX2.
	a.ins("CMPQ laneMask_full(CX), $0; JEQ blockPartial")
	a.full = true
	a.directLoop(rows, vectors, "")
	a.full = false
	a.directLoop(rows, vectors, "Partial")
}

// directLoop writes the loop over k and what follows it. The names of labels end in suffix.
func (a *assembler) directLoop(rows, vectors int, suffix string) {
	a.label("block" + suffix)
	a.ins("MOVQ $%d, CX; CMPQ DX, CX; CMOVQLT DX, CX; SUBQ CX, DX", block)
	a.label("step" + suffix)
	a.prefetchB(vectors)
	a.directStep(rows, vectors)
	a.ins("ADDQ $%d, SI", a.size)
	if rows > 8 {
		a.ins("ADDQ $%d, AX", a.size)
	}
	a.ins("ADDQ R13, BX; DECQ CX; JNZ step%s", suffix)
	a.ins("ADDQ tile_aNext(DI), SI")
	if rows > 8 {
		a.ins("ADDQ tile_aNext(DI), AX")
	}
	a.ins("TESTQ DX, DX; JNZ block%s", suffix)
	a.directStore(rows, vectors, suffix)
	a.ins("VZEROUPPER; RET")
}

// prefetchB asks for the row of B of the next tile to the right, which is far away in memory for a wide B.
func (a *assembler) prefetchB(vectors int) {
	for at := 0; at < vectors*a.width; at += 64 {
		a.ins("PREFETCHT1 %d(BX)", vectors*a.width+at)
	}
}

// loadMask returns the instruction that loads the mask of the last vector, from CX.
func (a *assembler) loadMask() string {
	if a.width == 64 {
		return "KMOVW laneMask_bits(CX), K1"
	}
	return "VMOVUPS laneMask_lanes(CX), Y15"
}

// rowOffsets sets the registers with which the rows of A are addressed.
func (a *assembler) rowOffsets(rows int) {
	if rows > 3 {
		a.ins("LEAQ (R9)(R9*2), R10")
	}
	if rows > 5 {
		a.ins("LEAQ (R9)(R9*4), R11")
	}
	if rows > 7 {
		a.ins("LEAQ (R10)(R9*4), R12")
	}
	if rows > 8 {
		a.ins("LEAQ (SI)(R9*8), AX")
	}
}

// rowAddress returns the operand for the present element of a row of A.
func rowAddress(row int) string {
	base := "(SI)"
	if row >= 8 {
		base = "(AX)"
	}
	return base + [...]string{"", "(R9*1)", "(R9*2)", "(R10*1)", "(R9*4)", "(R11*1)", "(R10*2)", "(R12*1)"}[row%8]
}

// directStep adds the terms of one k.
func (a *assembler) directStep(rows, vectors int) {
	acc := rows * vectors
	if rows == 1 {
		a.directRow(vectors)
		return
	}
	for v := range vectors {
		a.ins("%s", a.loadB(v, acc+v, v == vectors-1))
	}
	free := a.registers - acc - vectors
	if a.width == 32 {
		free-- // the mask
	}
	for row := range rows {
		if vectors == 1 && a.width == 64 {
			a.ins("VFMADD231P%s.BCST %s, %s, %s", a.suffix, rowAddress(row), a.vector(acc), a.vector(row))
			continue
		}
		broadcast := a.vector(acc + vectors + row%min(free, 4))
		line := fmt.Sprintf("VBROADCASTS%s %s, %s", a.suffix, rowAddress(row), broadcast)
		for v := range vectors {
			line += fmt.Sprintf("; VFMADD231P%s %s, %s, %s",
				a.suffix, a.vector(acc+v), broadcast, a.vector(row*vectors+v))
		}
		a.ins("%s", line)
	}
}

// directRow adds the terms of one k to a single row, with operands in memory.
func (a *assembler) directRow(vectors int) {
	broadcast := a.vector(vectors)
	a.ins("VBROADCASTS%s (SI), %s", a.suffix, broadcast)
	for v := range vectors - 1 {
		a.ins("VFMADD231P%s %d(BX), %s, %s", a.suffix, v*a.width, broadcast, a.vector(v))
	}
	a.ins("%s", a.loadB(vectors-1, vectors+1, true))
	a.ins("VFMADD231P%s %s, %s, %s", a.suffix, a.vector(vectors+1), broadcast, a.vector(vectors-1))
}

// loadB returns the instruction that loads a vector of the row of B. The last one may be partial.
func (a *assembler) loadB(v, register int, last bool) string {
	at := v * a.width
	to := a.vector(register)
	switch {
	case !last || a.full:
		return fmt.Sprintf("VMOVUP%s %d(BX), %s", a.suffix, at, to)
	case a.width == 64:
		return fmt.Sprintf("VMOVUP%s.Z %d(BX), K1, %s", a.suffix, at, to)
	default:
		return fmt.Sprintf("VMASKMOVP%s %d(BX), Y15, %s", a.suffix, at, to)
	}
}

// directStore writes the tile to C, or adds it.
func (a *assembler) directStore(rows, vectors int, suffix string) {
	a.ins("MOVQ tile_cRow(DI), R9; CMPQ tile_accumulate(DI), $0; JEQ write%s", suffix)
	a.ins("MOVQ R8, DX")
	for row := range rows {
		for v := range vectors {
			a.ins("%s", a.addC(row*vectors+v, v, rows*vectors, v == vectors-1))
		}
		if row < rows-1 {
			a.ins("ADDQ R9, DX")
		}
	}
	a.label("write" + suffix)
	for row := range rows {
		for v := range vectors {
			a.ins("%s", a.storeC(row*vectors+v, v, v == vectors-1))
		}
		if row < rows-1 {
			a.ins("ADDQ R9, R8")
		}
	}
}

// storeC returns the instruction that writes an accumulator to C.
func (a *assembler) storeC(acc, v int, last bool) string {
	from := a.vector(acc)
	to := fmt.Sprintf("%d(R8)", v*a.width)
	switch {
	case !last || a.full:
		return fmt.Sprintf("VMOVUP%s %s, %s", a.suffix, from, to)
	case a.width == 64:
		return fmt.Sprintf("VMOVUP%s %s, K1, %s", a.suffix, from, to)
	default:
		return fmt.Sprintf("VMASKMOVP%s %s, Y15, %s", a.suffix, from, to)
	}
}

// addC returns the instructions that add a vector of C to an accumulator. They may overwrite the register spare.
func (a *assembler) addC(acc, v, spare int, last bool) string {
	from := fmt.Sprintf("%d(DX)", v*a.width)
	to := a.vector(acc)
	switch {
	case !last || a.full:
		return fmt.Sprintf("VADDP%s %s, %s, %s", a.suffix, from, to, to)
	case a.width == 64:
		return fmt.Sprintf("VADDP%s %s, %s, K1, %s", a.suffix, from, to, to)
	default:
		return fmt.Sprintf("VMASKMOVP%s %s, Y15, %s; VADDP%s %s, %s, %s",
			a.suffix, from, a.vector(spare), a.suffix, a.vector(spare), to, to)
	}
}

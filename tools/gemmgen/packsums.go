package main

import "fmt"

// sumA writes packA for a whole micro-panel, t.panels = rows, which also adds the weighted sums of its rows to t.sums,
// and those of their magnitudes to t.bounds. The weights of the columns are at t.r and t.w, in float64.
//
// Registers: DI t, SI the column of A, R9 to R12 the bytes between rows times 1, 3, 5 and 7, BX the column in the next
// micro-panel, R8 the block of packed A, AX and DX the places in the weights, CX the blocks left. The first vectors are
// the sums, then the bounds; the last is a mask without signs.
func (a *assembler) sumA() {
	name := fmt.Sprintf("%ssumA%s", a.prefix, a.name)
	sum := 0
	bound := a.rows
	free := 2 * a.rows
	fmt.Fprintf(a, "\n// func %s(t *tile)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ t+0(FP), DI")
	a.ins("MOVQ tile_a(DI), SI; MOVQ tile_aRow(DI), R9; MOVQ tile_c(DI), R8; MOVQ tile_k(DI), CX")
	a.ins("MOVQ tile_aNext(DI), BX; ADDQ SI, BX; MOVQ tile_r(DI), AX; MOVQ tile_w(DI), DX")
	a.rowOffsets(a.rows)
	a.signMask()
	a.clearAll(2 * a.rows)
	a.label("block")
	parts := block * 8 / a.width // vectors of float64 in a block of a row
	for part := range parts {
		r, w := fmt.Sprintf("%d(AX)", part*a.width), fmt.Sprintf("%d(DX)", part*a.width)
		if a.width == 64 {
			a.ins("VMOVUPD %s, %s; VMOVUPD %s, %s", r, a.vector(free+2), w, a.vector(free+3))
			r, w = a.vector(free+2), a.vector(free+3)
		}
		for row := range a.rows {
			at := fmt.Sprintf("%d%s", part*a.width/8*a.size, rowAddress(row))
			to := fmt.Sprintf("%d(R8)", row*block*a.size+part*a.width/8*a.size)
			a.copyWide(at, to, free)
			a.addSums(r, w, free, sum+row, bound+row)
		}
	}
	for row := range a.rows {
		next := fmt.Sprintf("(BX)%s", rowAddress(row)[len("(SI)"):])
		a.ins("PREFETCHT1 %s", next)
	}
	size := block * a.size
	a.ins("ADDQ $%d, SI; ADDQ $%d, BX; ADDQ $%d, R8", size, size, a.rows*size)
	a.ins("ADDQ $%d, AX; ADDQ $%d, DX", block*8, block*8)
	a.ins("DECQ CX; JNZ block")
	a.ins("MOVQ tile_sums(DI), AX; MOVQ tile_bounds(DI), DX")
	for row := range a.rows {
		a.sumsStore(sum+row, free, row, "AX")
		a.sumsStore(bound+row, free, row, "DX")
	}
	a.ins("VZEROUPPER; RET")
}

// sumB writes packB, which also adds the weighted sums of its rows to the vectors at t.sums, four float64 for each
// row, and those of their magnitudes to t.bounds. The four are to be added up. They are not one, because it would
// cost more to get there for each micro-panel, and not more, because they have to stay in the first-level cache. The
// weights of the columns are at t.r and t.w, in float64.
//
// Registers: DI t, SI the row, R9 the bytes between rows, R8 the place in packed B, AX and DX the places in the sums
// and bounds, CX the rows left; then vectors of r, of w, and scratch.
func (a *assembler) sumB() {
	name := fmt.Sprintf("%ssumB%s", a.prefix, a.name)
	lanes := a.width / 8
	wide := a.vectors * a.width / a.size / lanes // vectors of float64 in a row
	free := 2 * wide
	fmt.Fprintf(a, "\n// func %s(t *tile)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ t+0(FP), DI")
	a.ins("MOVQ tile_a(DI), SI; MOVQ tile_aRow(DI), R9; MOVQ tile_c(DI), R8; MOVQ tile_k(DI), CX")
	a.ins("MOVQ tile_r(DI), AX; MOVQ tile_w(DI), DX")
	a.signMask()
	for v := range wide {
		a.ins("VMOVUPD %d(AX), %s; VMOVUPD %d(DX), %s", v*a.width, a.vector(v), v*a.width, a.vector(wide+v))
	}
	a.ins("MOVQ tile_sums(DI), AX; MOVQ tile_bounds(DI), DX")
	a.label("row")
	a.ins("VMOVUPD (AX), Y%d; VMOVUPD (DX), Y%d", free+2, free+3) // the upper half of a longer vector becomes zero
	for v := range wide {
		at := v * lanes * a.size
		a.copyWide(fmt.Sprintf("%d(SI)", at), fmt.Sprintf("%d(R8)", at), free)
		a.addSums(a.vector(v), a.vector(wide+v), free, free+2, free+3)
	}
	size := a.vectors * a.width
	for at := 0; at < size; at += 64 {
		a.ins("PREFETCHT1 %d(SI)", size+at)
	}
	for acc := free + 2; a.width == 64 && acc < free+4; acc++ {
		a.ins("VEXTRACTF64X4 $1, Z%d, Y%d; VADDPD Y%d, Y%d, Y%d", acc, free, free, acc, acc)
	}
	a.ins("VMOVUPD Y%d, (AX); VMOVUPD Y%d, (DX)", free+2, free+3)
	a.ins("ADDQ R9, SI; ADDQ $%d, R8; ADDQ $32, AX; ADDQ $32, DX; DECQ CX; JNZ row", size)
	a.ins("VZEROUPPER; RET")
}

// signMask sets the last register to a mask without signs.
func (a *assembler) signMask() {
	mask := a.vector(a.registers - 1)
	if a.width == 64 {
		a.ins("VPTERNLOGD $0xff, %s, %s, %s", mask, mask, mask)
	} else {
		a.ins("VPCMPEQD %s, %s, %s", mask, mask, mask)
	}
	a.ins("VPSRLQ $1, %s, %s", mask, mask)
}

// copyWide copies as many elements as a vector has float64, and leaves them in a register as float64.
func (a *assembler) copyWide(from, to string, register int) {
	v := a.vector(register)
	if a.size == 8 {
		a.ins("VMOVUPD %s, %s; VMOVUPD %s, %s", from, v, v, to)
		return
	}
	half := fmt.Sprintf("X%d", register)
	if a.width == 64 {
		half = fmt.Sprintf("Y%d", register)
	}
	a.ins("VMOVUPS %s, %s; VMOVUPS %s, %s; VCVTPS2PD %s, %s", from, half, half, to, half, v)
}

// addSums adds the elements in register x, times r and w, to two accumulators. It overwrites the register after x.
func (a *assembler) addSums(r, w string, x, sum, bound int) {
	mask, abs := a.vector(a.registers-1), a.vector(x+1)
	a.ins("VANDPD %s, %s, %s", mask, a.vector(x), abs)
	a.ins("VFMADD231PD %s, %s, %s; VFMADD231PD %s, %s, %s", r, a.vector(x), a.vector(sum), w, abs, a.vector(bound))
}

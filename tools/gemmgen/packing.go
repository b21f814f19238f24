package main

import "fmt"

// packA writes what packs t.k blocks of t.panels rows of A, which are t.aRow bytes apart, to t.c. Blocks are t.cRow
// bytes apart there. It asks for the rows of the next micro-panel, t.aNext bytes below, on the way.
//
// Registers: DI t, SI the first row, R9 the bytes between rows, BX the place in a row, R8 the block of packed A, DX the
// place in it, R10 the distance to ask for, CX the rows left, R11 the blocks left.
func (a *assembler) packA() {
	name := fmt.Sprintf("%spackA%s", a.prefix, a.name)
	size := block * a.size
	fmt.Fprintf(a, "\n// func %s(t *tile)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ t+0(FP), DI")
	a.ins("MOVQ tile_a(DI), SI; MOVQ tile_aRow(DI), R9; MOVQ tile_c(DI), R8; MOVQ tile_k(DI), R11")
	a.ins("MOVQ tile_aNext(DI), R10")
	a.label("block")
	a.ins("MOVQ SI, BX; MOVQ R8, DX; MOVQ tile_panels(DI), CX")
	a.label("row")
	for at := 0; at < size; at += min(size, a.width) {
		v := a.vector(at / a.width)
		if size < a.width {
			v = "Y0"
		}
		a.ins("VMOVUPS %d(BX), %s; VMOVUPS %s, %d(DX)", at, v, v, at)
	}
	a.ins("PREFETCHT1 (BX)(R10*1)")
	a.ins("ADDQ R9, BX; ADDQ $%d, DX; DECQ CX; JNZ row", size)
	a.ins("ADDQ $%d, SI; ADDQ tile_cRow(DI), R8; DECQ R11; JNZ block", size)
	a.ins("VZEROUPPER; RET")
}

// packB writes what packs t.k rows of a micro-panel of B, which are t.aRow bytes apart, to t.c. It asks for the next
// micro-panel on the way.
func (a *assembler) packB() {
	name := fmt.Sprintf("%spackB%s", a.prefix, a.name)
	size := a.vectors * a.width
	fmt.Fprintf(a, "\n// func %s(t *tile)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ t+0(FP), DI")
	a.ins("MOVQ tile_a(DI), SI; MOVQ tile_aRow(DI), R9; MOVQ tile_c(DI), R8; MOVQ tile_k(DI), CX")
	a.label("row")
	for v := range a.vectors {
		a.ins("VMOVUPS %d(SI), %s; VMOVUPS %s, %d(R8)", v*a.width, a.vector(v), a.vector(v), v*a.width)
	}
	for at := 0; at < size; at += 64 {
		a.ins("PREFETCHT1 %d(SI)", size+at)
	}
	a.ins("ADDQ R9, SI; ADDQ $%d, R8; DECQ CX; JNZ row", size)
	a.ins("VZEROUPPER; RET")
}

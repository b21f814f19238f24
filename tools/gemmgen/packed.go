package main

import "fmt"

// lead is the number of blocks of k before the end at which the cache lines of C are asked for.
const lead = 32

// packedKernel writes the kernel that multiplies t.panels micro-panels of packed A, one below the other, by one
// micro-panel of packed B.
//
// Registers: DI t, AX the micro-panel of A, SI the place in it, BX the place in B, R8 the tile of C, R9 the bytes
// between its rows, R10 the micro-panels left, R11 blocks of k, R12 the rest of k, CX the count of a loop, DX a row
// of C.
func (a *assembler) packedKernel() {
	name := fmt.Sprintf("%sgemm%s", a.prefix, a.name)
	fmt.Fprintf(a, "\n// func %s(t *tile)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ t+0(FP), DI")
	a.ins("MOVQ tile_a(DI), AX; MOVQ tile_c(DI), R8; MOVQ tile_cRow(DI), R9; MOVQ tile_panels(DI), R10")
	a.ins("MOVQ tile_k(DI), R11; MOVQ R11, R12; SHRQ $3, R11; ANDQ $7, R12")
	a.label("panel")
	a.ins("MOVQ AX, SI; MOVQ tile_b(DI), BX")
	a.clearAll(a.rows * a.vectors)
	a.ins("MOVQ R11, CX; XORQ R13, R13; CMPQ CX, $%d; JLE near", lead)
	a.ins("MOVQ $%d, R13; SUBQ R13, CX; JMP block", lead)
	a.label("near")
	a.prefetchC()
	a.ins("TESTQ CX, CX; JZ rest")
	a.label("block")
	for step := range block {
		a.packedStep(step)
	}
	a.ins("ADDQ $%d, SI; ADDQ $%d, BX", a.rows*block*a.size, block*a.vectors*a.width)
	a.ins("DECQ CX; JNZ block")
	a.ins("MOVQ R13, CX; XORQ R13, R13; TESTQ CX, CX; JNZ near")
	a.label("rest")
	a.ins("MOVQ R12, CX; TESTQ CX, CX; JZ store")
	a.label("step")
	a.packedStep(-1)
	a.ins("ADDQ $%d, SI; ADDQ $%d, BX", a.size, a.vectors*a.width)
	a.ins("DECQ CX; JNZ step")
	a.label("store")
	a.ins("MOVQ R8, DX; CMPQ tile_accumulate(DI), $0; JEQ write")
	for row := range a.rows {
		for v := range a.vectors {
			acc := a.vector(row*a.vectors + v)
			a.ins("VADDP%s %d(DX), %s, %s", a.suffix, v*a.width, acc, acc)
		}
		if row < a.rows-1 {
			a.ins("ADDQ R9, DX")
		}
	}
	a.ins("MOVQ R8, DX")
	a.label("write")
	for row := range a.rows {
		for v := range a.vectors {
			a.ins("VMOVUP%s %s, %d(DX)", a.suffix, a.vector(row*a.vectors+v), v*a.width)
		}
		a.ins("ADDQ R9, DX")
	}
	a.ins("MOVQ DX, R8; ADDQ tile_aNext(DI), AX; DECQ R10; JNZ panel")
	a.ins("VZEROUPPER; RET")
}

// prefetchC asks for the cache lines of the tile of C, which are needed when the sums are ready.
func (a *assembler) prefetchC() {
	a.ins("MOVQ R8, DX")
	for range a.rows {
		line := ""
		for at := 0; at < a.vectors*a.width; at += 64 {
			line += fmt.Sprintf("PREFETCHT0 %d(DX); ", at)
		}
		a.ins("%sPREFETCHT0 %d(DX); ADDQ R9, DX", line, a.vectors*a.width-1)
	}
}

// packedStep adds the terms of one k. With a step of -1 it is the one that SI and BX point to. The others also ask for
// a part of what the block after the next one needs.
func (a *assembler) packedStep(step int) {
	prefetch := step >= 0
	step = max(step, 0)
	acc := a.rows * a.vectors
	for v := range a.vectors {
		a.ins("VMOVUP%s %d(BX), %s", a.suffix, (step*a.vectors+v)*a.width, a.vector(acc+v))
	}
	if prefetch {
		a.prefetchPanels(step)
	}
	for row := range a.rows {
		broadcast := a.vector(acc + a.vectors + row%(a.registers-acc-a.vectors))
		line := fmt.Sprintf("VBROADCASTS%s %d(SI), %s", a.suffix, (row*block+step)*a.size, broadcast)
		for v := range a.vectors {
			line += fmt.Sprintf("; VFMADD231P%s %s, %s, %s",
				a.suffix, a.vector(acc+v), broadcast, a.vector(row*a.vectors+v))
		}
		a.ins("%s", line)
	}
}

// prefetchPanels asks for cache lines of A and B some blocks ahead, in the share of one step.
func (a *assembler) prefetchPanels(step int) {
	lines := a.rows * block * a.size / 64
	for line := step * lines / block; line < (step+1)*lines/block; line++ {
		a.ins("PREFETCHT0 %d(SI)", 2*a.rows*block*a.size+line*64)
	}
	lines = block * a.vectors * a.width / 64
	for line := step * lines / block; line < (step+1)*lines/block; line++ {
		a.ins("PREFETCHT0 %d(BX)", 2*block*a.vectors*a.width+line*64)
	}
}

package main

import "fmt"

// peakKernel writes what measures the peak: t.k times one multiply-add into each accumulator of the packed kernel's
// tile, with all operands in registers.
func (a *assembler) peakKernel() {
	name := fmt.Sprintf("%speak%s", a.prefix, a.name)
	acc := a.rows * a.vectors
	fmt.Fprintf(a, "\n// func %s(t *tile)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ t+0(FP), DI")
	a.ins("MOVQ tile_k(DI), CX")
	a.clearAll(acc + 2)
	a.label("step")
	for i := range acc {
		a.ins("VFMADD231P%s %s, %s, %s", a.suffix, a.vector(acc), a.vector(acc+1), a.vector(i))
	}
	a.ins("DECQ CX; JNZ step")
	a.ins("VZEROUPPER; RET")
}

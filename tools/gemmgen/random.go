package main

import (
	"bytes"
	"fmt"
)

// randomUnroll is the number of vectors of random elements that are computed side by side: their multiplications take
// long and do not depend on each other.
const randomUnroll = 4

// randomAssembly returns the assembly file of the random generator for an instruction set.
func randomAssembly(set isa) []byte {
	out := bytes.NewBufferString(header + "#include \"textflag.h\"\n#include \"go_asm.h\"\n")
	for _, e := range elements {
		a := &assembler{
			isa:     set,
			element: e,
		}
		a.randomKernel()
		out.Write(a.Bytes())
	}
	return out.Bytes()
}

// randomDeclarations returns the Go file that declares the functions of randomAssembly.
func randomDeclarations(set isa) []byte {
	out := bytes.NewBufferString(header + "package splitmix\n")
	for _, e := range elements {
		fmt.Fprintf(out, "\n//go:noescape\nfunc %sfill%s(c *call)\n", e.prefix, set.name)
	}
	return out.Bytes()
}

// randomKernel writes the function that turns c.count·randomUnroll vectors of outputs into elements at c.dst.
//
// Registers: DI c, SI the place, CX the turns left; vector 0 the states, 1 the step from one vector to the next, 2 and
// 3 the multipliers, 4 and 5 their upper halves (AVX2), 6 the factor, 7 the factors of float32 (AVX-512), 7 to 9 what
// converts (AVX2), from 10 on scratch.
func (a *assembler) randomKernel() {
	name := fmt.Sprintf("%sfill%s", a.prefix, a.name)
	fmt.Fprintf(a, "\n// func %s(c *call)\nTEXT ·%s(SB), NOSPLIT, $0-8\n", name, name)
	a.ins("MOVQ c+0(FP), DI")
	a.ins("MOVQ call_dst(DI), SI; MOVQ call_count(DI), CX; VMOVUPD call_states(DI), %s", a.vector(0))
	for i, field := range []string{"step", "mul1", "mul2", "high1", "high2", "factor", a.lowField(), "high", "bias"} {
		a.ins("VPBROADCASTQ call_%s(DI), %s", field, a.vector(1+i))
	}
	a.label("turn")
	lanes := a.width / 8
	if a.width == 64 {
		for u := range randomUnroll {
			a.randomState(u, 10+u)
		}
		for _, part := range []func(z, t int){a.randomMix30, a.randomMul1, a.randomMix27, a.randomMul2, a.randomMix31} {
			for u := range randomUnroll {
				part(10+u, 10+randomUnroll+u)
			}
		}
		for u := range randomUnroll {
			a.randomStore(u, 10+u, lanes)
		}
	} else {
		// There are registers for two at a time.
		for u := 0; u < randomUnroll; u += 2 {
			a.randomState(u, 10)
			a.randomState(u+1, 13)
			for _, part := range []func(z, t int){a.randomMix30, a.randomMul1, a.randomMix27, a.randomMul2, a.randomMix31} {
				part(10, 11)
				part(13, 14)
			}
			a.randomStore(u, 10, lanes)
			a.randomStore(u+1, 13, lanes)
		}
	}
	a.ins("ADDQ $%d, SI; DECQ CX; JNZ turn", randomUnroll*lanes*a.size)
	a.ins("VZEROUPPER; RET")
}

// lowField returns what register 7 holds.
func (a *assembler) lowField() string {
	if a.width == 64 {
		return "single"
	}
	return "low"
}

// randomState takes the next states into register z.
func (a *assembler) randomState(_, z int) {
	move := "VMOVDQU"
	if a.width == 64 {
		move = "VMOVDQU64"
	}
	a.ins("%s %s, %s; VPADDQ %s, %s, %s", move, a.vector(0), a.vector(z), a.vector(1), a.vector(0), a.vector(0))
}

func (a *assembler) randomMix30(z, t int) { a.randomMix(30, z, t) }
func (a *assembler) randomMix27(z, t int) { a.randomMix(27, z, t) }
func (a *assembler) randomMix31(z, t int) { a.randomMix(31, z, t) }
func (a *assembler) randomMul1(z, t int)  { a.randomMul(2, 4, z, t) }
func (a *assembler) randomMul2(z, t int)  { a.randomMul(3, 5, z, t) }

// randomMix sets z ^= z>>shift.
func (a *assembler) randomMix(shift, z, t int) {
	xor := "VPXOR"
	if a.width == 64 {
		xor = "VPXORQ"
	}
	a.ins("VPSRLQ $%d, %s, %s; %s %s, %s, %s", shift, a.vector(z), a.vector(t), xor, a.vector(t), a.vector(z), a.vector(z))
}

// randomMul multiplies z by a constant, whose upper half is in another register. AVX2 multiplies 32 bits only.
func (a *assembler) randomMul(constant, upper, z, t int) {
	if a.width == 64 {
		a.ins("VPMULLQ %s, %s, %s", a.vector(constant), a.vector(z), a.vector(z))
		return
	}
	a.ins("VPSRLQ $32, %s, %s", a.vector(z), a.vector(t))
	a.ins("VPMULUDQ %s, %s, %s", a.vector(constant), a.vector(t), a.vector(t))
	a.ins("VPMULUDQ %s, %s, %s; VPADDQ %s, %s, %s", a.vector(upper), a.vector(z), a.vector(t+1),
		a.vector(t+1), a.vector(t), a.vector(t))
	a.ins("VPSLLQ $32, %s, %s; VPMULUDQ %s, %s, %s; VPADDQ %s, %s, %s", a.vector(t), a.vector(t),
		a.vector(constant), a.vector(z), a.vector(z), a.vector(t), a.vector(z), a.vector(z))
}

// randomStore turns outputs into elements and stores them.
func (a *assembler) randomStore(u, z, lanes int) {
	v := a.vector(z)
	at := fmt.Sprintf("%d(SI)", u*lanes*a.size)
	half := fmt.Sprintf("X%d", z)
	if a.width == 64 {
		half = fmt.Sprintf("Y%d", z)
	}
	switch {
	case a.width == 64 && a.size == 8:
		a.ins("VPSRLQ $11, %s, %s; VCVTQQ2PD %s, %s; VMULPD %s, %s, %s; VMOVUPD %s, %s", v, v, v, v,
			a.vector(6), v, v, v, at)
	case a.width == 64:
		a.ins("VPSRLQ $40, %s, %s; VCVTQQ2PS %s, %s; VMULPS Y7, %s, %s; VMOVUPS %s, %s", v, v, v, half, half, half, half, at)
	case a.size == 8:
		// The halves of the 53 bits, as the fractions of 2⁵² and of 2⁸⁴, are exact, and so is their sum.
		t := a.vector(z + 1)
		a.ins("VPSRLQ $11, %s, %s; VPSRLQ $32, %s, %s", v, v, v, t)
		a.ins("VPBLENDD $0xaa, %s, %s, %s; VPOR %s, %s, %s", a.vector(7), v, v, a.vector(8), t, t)
		a.ins("VSUBPD %s, %s, %s; VADDPD %s, %s, %s", a.vector(9), t, t, t, v, v)
		a.ins("VMULPD %s, %s, %s; VMOVUPD %s, %s", a.vector(6), v, v, v, at)
	default:
		a.ins("VPSRLQ $40, %s, %s; VPOR %s, %s, %s; VSUBPD %s, %s, %s", v, v, a.vector(7), v, v, a.vector(7), v, v)
		a.ins("VMULPD %s, %s, %s; VCVTPD2PSY %s, %s; VMOVUPS %s, %s", a.vector(6), v, v, v, half, half, at)
	}
}

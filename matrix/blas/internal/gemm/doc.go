// Package gemm multiplies row-major matrices with kernels of its own: the five loops of BLIS around micro-kernels in
// assembly, for the instruction sets of amd64 and arm64.
//
// Large products are packed: a panel of B that stays in the third-level cache, then a block of A that stays in the
// second (F. G. Van Zee and R. A. van de Geijn, BLIS: A Framework for Rapidly Instantiating BLAS Functionality, ACM
// TOMS 41, 2015). Packing is copying only. The vectors run along the rows of B and C, whose elements lie together
// already, and an element of A is broadcast from wherever it lies. Packed A has blocks of eight elements of each row,
// so that nothing is transposed. For the same reason small products, and those with few rows or columns, need no
// packing at all.
//
// The assembly is written by tools/gemmgen.
package gemm

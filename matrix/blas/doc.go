// Package blas multiplies matrices in memory, by kernels of its own or by a BLAS library that it loads at run time:
// whichever is the fastest on this machine.
package blas

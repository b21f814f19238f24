// Package blas multiplies matrices in memory. It calls a BLAS library that it loads at run time, or a built-in kernel
// if there is no library.
package blas

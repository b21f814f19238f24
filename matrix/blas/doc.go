// Package blas multiplies matrices in memory: by a BLAS library that is loaded at run time, or by a kernel of its own where
// there is none.
package blas

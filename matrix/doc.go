// Package matrix holds the element types, shapes and rectangles of matrices, the geometry of their blocks, the plan that
// cuts a product into tiles, and the sources of elements, the random generator among them. Its rooms build on it: npy
// reads and writes files, blas multiplies in memory, tile computes and checks one tile. None of them does any I/O but
// through io.Reader, io.Writer and Source, or knows anything of HTTP, SQL, queues or logging.
//
// Elements travel as bytes: little-endian IEEE 754, row-major, one row after the other without padding.
package matrix

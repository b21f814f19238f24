// Package matrix holds the arithmetic of Millrace and nothing else: element types, shapes, the .npy codec, the block
// geometry, the tile plan, GEMM, the random generator and the check of a product. It does no I/O but through io.Reader,
// io.Writer and Source, and knows nothing of HTTP, SQL, queues or logging.
//
// Elements travel as bytes: little-endian IEEE 754, row-major, one row after the other without padding.
package matrix

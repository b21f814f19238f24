// Package matrix describes matrices: element types, shapes, rectangles, the geometry of blocks, the plan that cuts a
// multiplication into tiles, the Source interface, and the sources that need no storage. Its sub-packages do the work:
// npy reads and writes files, blas multiplies in memory, tile computes and checks one tile.
//
// Elements travel as bytes: little-endian IEEE 754, row-major, one row after the other without padding.
//
// Input and output go through io.Reader, io.Writer and Source. The packages know nothing of HTTP, SQL, queues or
// logging.
package matrix

package store

import (
	"context"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/blocks/cut"
	"github.com/millrace/millrace/store/memory"
)

// ErrBusy means that too much memory is in use. The condition passes.
var ErrBusy = memory.ErrBusy

// The memory of all transfers of one process, in bytes. Pools of their own keep large transfers from shutting out small
// ones. A request borrows for its body first, and for one matrix at a time then: those that hold memory for a matrix
// wait for no more.
const (
	// smallMemory is for bodies and downloads that take at most smallTransfer.
	smallMemory = 16 << 20
	// bodyMemory is for the buffers of the bodies that are larger, or of unknown size.
	bodyMemory = 32 << 20
	// mediumMemory is for the windows of downloads, and for small uploads: what takes at most mediumTransfer.
	mediumMemory = 48 << 20
	// largeMemory is for stripes of blocks and long rows.
	largeMemory = 96 << 20

	smallTransfer  = 512 << 10
	mediumTransfer = 2 * npy.MaxWindowBytes
	// bodyBuffers is the most that the buffers of readers and decoders of a body take, leastBodyBuffers the least.
	// Hundreds of small bodies, which hold theirs until they are committed, fit into smallMemory.
	bodyBuffers, leastBodyBuffers = 256 << 10, 32 << 10
	// maxBodyBuffers is the same with what depends on its size: the beginning of a matrix, and a row.
	maxBodyBuffers = bodyBuffers + 512<<10
	// perBodyByte is how many bytes a byte of JSON becomes: a digit and a comma are a float64.
	perBodyByte = 4
)

// transferMemory are the pools.
type transferMemory struct {
	small, bodies, medium, large *memory.Pool
}

func newTransferMemory() transferMemory {
	return transferMemory{
		small:  memory.NewPool(smallMemory),
		bodies: memory.NewPool(bodyMemory),
		medium: memory.NewPool(mediumMemory),
		large:  memory.NewPool(largeMemory),
	}
}

// sum adds up a figure of the pools.
func (t transferMemory) sum(figure func(*memory.Pool) int64) float64 {
	return float64(figure(t.small) + figure(t.bodies) + figure(t.medium) + figure(t.large))
}

// ReserveBody waits for the memory that it takes to read the body of a request, apart from the matrices in it, and
// returns the function that gives it back. A negative size is unknown. ErrBusy when it takes too long.
func (s *Store) ReserveBody(ctx context.Context, size int64) (release func(), err error) {
	n := int64(maxBodyBuffers)
	if size := min(size, maxBodyBuffers); size >= 0 {
		n = min(n, min(bodyBuffers, leastBodyBuffers+2*size)+perBodyByte*size)
	}
	if n <= smallTransfer {
		return s.memory.small.Lend(ctx, n)
	}
	return s.memory.bodies.Lend(ctx, n)
}

// ReserveRead waits for the memory that it takes to read some bytes of a matrix as a stream, and returns the function
// that gives it back. ErrBusy when it takes too long.
func (s *Store) ReserveRead(ctx context.Context, bytes int64) (release func(), err error) {
	return s.Reserve(ctx, 2*min(npy.MaxWindowBytes, bytes)) // a File holds two windows
}

// Reserve waits for some memory, and returns the function that gives it back. ErrBusy when it takes too long.
func (s *Store) Reserve(ctx context.Context, bytes int64) (release func(), err error) {
	if bytes <= smallTransfer {
		return s.memory.small.Lend(ctx, bytes)
	}
	return s.reserveMatrix(ctx, bytes)
}

// reserveMatrix waits for the memory of a matrix whose body may hold some already, which rules out small.
func (s *Store) reserveMatrix(ctx context.Context, bytes int64) (release func(), err error) {
	if bytes <= mediumTransfer {
		return s.memory.medium.Lend(ctx, bytes)
	}
	return s.memory.large.Lend(ctx, bytes)
}

// LongRow is the length of a row from which on it takes memory of its own, in numbers.
const LongRow = 1 << 15

// ReserveLongRow waits for the memory of a row of at most maxCols numbers, and of an upload with such rows, which is
// passed the function that gives it back. ErrBusy when it takes too long.
func (s *Store) ReserveLongRow(ctx context.Context, maxCols int64) (release func(), err error) {
	shape := matrix.Shape{
		Rows:  matrix.UnknownRows,
		Cols:  maxCols,
		DType: matrix.Float64,
	}
	row := maxCols * int64(shape.DType.Size())
	return s.reserveMatrix(ctx, row+uploadMemory(shape, false))
}

// uploadMemory returns what an upload holds at most, in bytes: a stripe of blocks and those on their way to the store,
// or what is held until the number of rows is known; and no more than all of it, with a block that is transposed.
func uploadMemory(shape matrix.Shape, fortran bool) int64 {
	grid := matrix.GridFor(shape)
	block, stripe := grid.BlockRows*grid.BlockCols, grid.BlockRows*shape.Cols
	if fortran {
		grid = matrix.ColumnGridFor(shape)
		block, stripe = grid.BlockRows*grid.BlockCols, grid.BlockCols*shape.Rows
	}
	if min(grid.BlockRows, grid.BlockCols) == 1 {
		stripe = block // one block at a time
	}
	n := (stripe + (cut.Writers+1)*block) * int64(shape.DType.Size())
	if shape.Rows >= 0 {
		return min(n, shape.Bytes()+block*int64(shape.DType.Size()))
	}
	return max(maxHeld, n)
}

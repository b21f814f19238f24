// Package parts keeps the parts of tiles until they are added up. A tile has parts if the inner dimension of its
// multiplication is long; each is the tile's sum over a range of it.
//
// Parts are blocks of the result in the block store, with indexes beyond those of its content: whatever deletes the
// result deletes them, too. A part is stored once, whichever worker computes it, and parts are added in their order, so
// that a tile has the same bits whichever workers compute it.
package parts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/blocks/cut"
)

const (
	// maxBlock is the size of a block of a part in bytes, but for its last one: the most that a block store takes.
	maxBlock = 8 * matrix.MaxBlockElements
	// transfers is how many blocks are read or written at a time.
	transfers = 4
)

// Tile is where the parts of a tile are.
type Tile struct {
	store  blocks.Store
	matrix uuid.UUID
	dtype  matrix.DType
	size   int64 // of the tile in bytes
	parts  int64
	first  int64 // index of the first block of the first part
	stride int64 // from there to the first block of the next part
}

// Of returns where the parts are of the tile that a piece of a multiplication belongs to.
func Of(s blocks.Store, m store.MultiplicationWithMatrices, piece matrix.Piece) Tile {
	plan := m.Multiplication.Plan()
	size := int64(m.C.DType.Size())
	largest := min(plan.TileRows, plan.M) * min(plan.TileCols, plan.N) * size
	stride := (largest-1)/maxBlock + 1
	return Tile{
		store:  s,
		matrix: m.C.ID,
		dtype:  m.C.DType,
		size:   piece.Tile.Elements() * size,
		parts:  plan.Parts(),
		first:  m.C.Grid().Blocks() + piece.Index*plan.Parts()*stride,
		stride: stride,
	}
}

// Write stores what a piece is: a part, or a tile in its place in the result.
func Write(
	ctx context.Context, s *store.Store, m store.MultiplicationWithMatrices, piece matrix.Piece, c []byte,
) error {
	if m.Multiplication.TileDepth == 0 || piece.IsSum() {
		return place(s, m, piece.Tile).Write(ctx, c)
	}
	return Of(s.Blocks, m, piece).Write(ctx, piece.Part, c)
}

// place returns where a rectangle of the result is stored.
func place(s *store.Store, m store.MultiplicationWithMatrices, r matrix.Rect) cut.Rect {
	return cut.Rect{
		Rect:  r,
		Store: s.Blocks,
		Owner: m.C.ID,
		Grid:  m.C.Grid(),
		DType: m.C.DType,
	}
}

// Sum returns the tile of a sum: from its parts, which must be computed, or if those are gone because they were added
// up before, from the result.
func Sum(ctx context.Context, s *store.Store, m store.MultiplicationWithMatrices, piece matrix.Piece) ([]byte, error) {
	t := Of(s.Blocks, m, piece)
	sum, err := t.Sum(ctx)
	if errors.Is(err, blocks.ErrMissing) {
		sum = newBuffer(t.size)
		if s.Source(m.C).ReadRect(ctx, piece.Tile, sum) == nil {
			return sum, nil
		}
	}
	return sum, err
}

// Clean deletes the parts of a tile whose sum is counted, and what is left of any parts when the multiplication is
// completed: a process may have died before it did so, and a late one, whose piece is not counted, may have stored a
// part again. The parts of a tile whose sum is not counted stay: the multiplication may be retried.
func Clean(
	ctx context.Context, s *store.Store, m store.MultiplicationWithMatrices, piece matrix.Piece, counted bool,
) error {
	if counted && !piece.IsSum() {
		return nil
	}
	now, err := s.ForAll().Multiplications(ctx, []uuid.UUID{m.Multiplication.ID})
	switch {
	case err != nil || len(now) == 0: // deleted, with all its blocks
		return err
	case now[0].Finished() && now[0].TilesCompleted == now[0].TilesTotal:
		return s.Blocks.DeleteRange(ctx, m.C.ID, m.C.Grid().Blocks(), math.MaxInt64)
	case counted:
		t := Of(s.Blocks, m, piece)
		return s.Blocks.DeleteRange(ctx, t.matrix, t.first, t.first+t.parts*t.stride-1)
	}
	return nil
}

// cleanTimeout bounds how long an attempt deletes parts.
const cleanTimeout = 10 * time.Second

// CleanAfter is Clean after a piece was counted, or was late; unless it is over, neither is known. What it cannot
// delete goes with the result.
func CleanAfter(
	ctx context.Context, s *store.Store, m store.MultiplicationWithMatrices, piece matrix.Piece, over, counted bool,
	log *slog.Logger,
) {
	if m.Multiplication.TileDepth == 0 || !over {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, cleanTimeout)
	defer cancel()
	if err := Clean(ctx, s, m, piece, counted); err != nil {
		log.WarnContext(ctx, "deleting parts of tiles", "multiplication", m.Multiplication.ID, "error", err)
	}
}

// Last returns what stands for the last piece of a multiplication, after which no part is of use.
func Last() matrix.Piece { return matrix.Piece{Part: 1} }

// Write stores a part, which survives a crash then. To do so twice is harmless.
func (t Tile) Write(ctx context.Context, part int64, content []byte) error {
	group, putting := errgroup.WithContext(ctx)
	group.SetLimit(transfers)
	var indexes []int64
	for i := int64(0); i*maxBlock < t.size; i++ {
		index := t.first + part*t.stride + i
		indexes = append(indexes, index)
		group.Go(func() error {
			end := min(t.size, (i+1)*maxBlock)
			return t.store.Put(putting, t.matrix, index, content[i*maxBlock:end])
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return t.store.Sync(ctx, t.matrix, indexes)
}

// Sum returns the tile, the sum of all parts. They must be there.
func (t Tile) Sum(ctx context.Context) ([]byte, error) {
	sum := newBuffer(t.size)
	var buffers [transfers][]byte
	for i := range buffers {
		buffers[i] = newBuffer(min(t.size, maxBlock))
	}
	for i := int64(0); i*maxBlock < t.size; i++ {
		block := sum[i*maxBlock : min(t.size, (i+1)*maxBlock)]
		if err := t.sumBlock(ctx, i, block, buffers); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// Pause returns how long a sum waits for its parts that was put off so many times.
func Pause(snoozes int) time.Duration {
	return time.Second + time.Duration(min(snoozes, 100))*50*time.Millisecond
}

// newBuffer returns n bytes, aligned for any element.
func newBuffer(n int64) []byte { return matrix.AsBytes(make([]float64, (n+7)/8))[:n] }

// sumBlock adds up block i of all parts: some are read at a time, and added in the order of the parts.
func (t Tile) sumBlock(ctx context.Context, i int64, sum []byte, buffers [transfers][]byte) error {
	for part := int64(0); part < t.parts; part += transfers {
		group, reading := errgroup.WithContext(ctx)
		n := min(transfers, t.parts-part)
		for j := range n {
			group.Go(func() error {
				b := blocks.Block{
					Matrix: t.matrix,
					Index:  t.first + (part+j)*t.stride + i,
					Size:   int64(len(sum)),
				}
				if err := t.store.Read(reading, b, 0, buffers[j][:len(sum)]); err != nil {
					return fmt.Errorf("reading part %d: %w", part+j, err)
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for j := range n {
			if part+j == 0 {
				copy(sum, buffers[0])
				continue
			}
			t.add(sum, buffers[j][:len(sum)])
		}
	}
	return nil
}

// add adds the elements of x to those of sum.
func (t Tile) add(sum, x []byte) {
	if t.dtype == matrix.Float32 {
		addFloats(matrix.AsFloats[float32](sum), matrix.AsFloats[float32](x))
		return
	}
	addFloats(matrix.AsFloats[float64](sum), matrix.AsFloats[float64](x))
}

func addFloats[T matrix.Float](sum, x []T) {
	for i, v := range x {
		sum[i] += v
	}
}

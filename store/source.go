package store

import (
	"context"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/blocks/cut"
)

// Source returns the content of a matrix, wherever it is: generated, in its row, or in the block store.
func (s *Store) Source(m Matrix) matrix.Source {
	switch {
	case m.Seed != nil:
		return matrix.NewRandom(m.Shape(), uint64(*m.Seed)) //nolint:gosec // the same 64 bits
	case m.Object != nil:
		return s.Objects.Source(m.TenantID, m.Shape(), *m.Object)
	case m.InBlocks():
		return &blockSource{
			id:     m.BlockOwner(),
			grid:   m.Grid(),
			dtype:  m.DType,
			blocks: s.Blocks,
			failed: func(err error) error { return s.noteDamage(m, err) },
		}
	default:
		return newRowSource(m)
	}
}

// blockSource gives out a content that is in the block store.
type blockSource struct {
	id     uuid.UUID
	grid   matrix.Grid
	dtype  matrix.DType
	blocks blocks.Store
	failed func(error) error // adds to the error of a read what the store knows
}

func (s *blockSource) Shape() matrix.Shape {
	return matrix.Shape{
		Rows:  s.grid.Rows,
		Cols:  s.grid.Cols,
		DType: s.dtype,
	}
}

// blockContent is the key of a content in blocks: matrices with the same blocks have the same elements.
type blockContent struct{ owner uuid.UUID }

// ContentKey implements matrix.Content.
func (s *blockSource) ContentKey() any { return blockContent{s.id} }

// scratch holds buffers of the size of a block.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// takeScratch returns a buffer of n bytes, which the caller puts back.
func takeScratch(n int64) *[]byte {
	buf := scratch.Get().(*[]byte)
	if int64(cap(*buf)) < n {
		*buf = make([]byte, n)
	}
	*buf = (*buf)[:n]
	return buf
}

// ReadRect implements matrix.Source. Of each block it reads the rows that are wanted, whole: they are contiguous. Where
// each read waits for another machine, several blocks are on their way at a time.
func (s *blockSource) ReadRect(ctx context.Context, r matrix.Rect, dst []byte) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(blocks.Readers(s.blocks))
	for index := range s.grid.Overlapping(r) {
		group.Go(func() error { return s.readBlock(ctx, index, r, dst) })
	}
	return group.Wait()
}

// readBlock reads what a block has of r, which dst holds.
func (s *blockSource) readBlock(ctx context.Context, index int64, r matrix.Rect, dst []byte) error {
	size := int64(s.dtype.Size())
	block := s.grid.Block(index)
	part := block.Intersect(r)
	rows := block
	rows.Row, rows.Rows = part.Row, part.Rows
	offset := (rows.Row - block.Row) * block.Cols * size
	if rows.Col == r.Col && rows.Cols == r.Cols { // as wide as what is wanted: no detour
		at := (rows.Row - r.Row) * r.Cols * size
		return s.read(ctx, index, offset, dst[at:at+rows.Elements()*size])
	}
	return s.readPart(ctx, index, offset, dst, r, rows, part)
}

// read reads a part of a block.
func (s *blockSource) read(ctx context.Context, index, offset int64, dst []byte) error {
	b := blocks.Block{
		Matrix: s.id,
		Index:  index,
		Size:   s.grid.Block(index).Elements() * int64(s.dtype.Size()),
	}
	if err := s.blocks.Read(ctx, b, offset, dst); err != nil {
		return s.failed(err)
	}
	return nil
}

// readPart reads rows of a block and copies part of them to where it belongs in dst, which holds r.
func (s *blockSource) readPart(ctx context.Context, index, offset int64, dst []byte, r, rows, part matrix.Rect) error {
	size := int64(s.dtype.Size())
	buf := takeScratch(rows.Elements() * size)
	defer scratch.Put(buf)
	if err := s.read(ctx, index, offset, *buf); err != nil {
		return err
	}
	copyRows(dst, r, *buf, rows, part, size)
	return nil
}

// copyRows copies the elements of part from src, which holds the rectangle from, to dst, which holds the rectangle to;
// both are row-major, elements are size bytes.
func copyRows(dst []byte, to matrix.Rect, src []byte, from, part matrix.Rect, size int64) {
	for row := part.Row; row < part.Row+part.Rows; row++ {
		d := ((row-to.Row)*to.Cols + part.Col - to.Col) * size
		s := ((row-from.Row)*from.Cols + part.Col - from.Col) * size
		copy(dst[d:d+part.Cols*size], src[s:s+part.Cols*size])
	}
}

// WriteRect stores a rectangle of a matrix whose borders are borders of blocks; content is row-major. Several blocks
// are on their way at a time, since each waits for the disk.
func (s *Store) WriteRect(ctx context.Context, m Matrix, r matrix.Rect, content []byte) error {
	size := int64(m.DType.Size())
	grid := m.Grid()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cut.Writers)
	for index := range grid.Overlapping(r) {
		group.Go(func() error {
			block := grid.Block(index)
			buf := takeScratch(block.Elements() * size)
			defer scratch.Put(buf)
			copyRows(*buf, block, content, r, block, size)
			return s.Blocks.Put(ctx, m.ID, index, *buf)
		})
	}
	return group.Wait()
}

package store

import (
	"context"

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
	buf := cut.TakeScratch(rows.Elements() * size)
	defer cut.Recycle(buf)
	if err := s.read(ctx, index, offset, *buf); err != nil {
		return err
	}
	matrix.CopyRect(dst, r, *buf, rows, part, size)
	return nil
}

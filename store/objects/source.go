package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/blocks/s3"
)

const (
	// rangeBytes is how many bytes one request reads, if so many are wanted in one piece.
	rangeBytes = 4 << 20
	// gapBytes is how many bytes between two wanted pieces are read, too, rather than asked around: a request takes as
	// long as they do.
	gapBytes = 128 << 10
	// requests is how many of one read are under way at a time.
	requests = 8
)

// Source returns the elements of an operand of a tenant. What is wrong with it is an error of each read.
func (r *Room) Source(t identity.TenantID, s matrix.Shape, o Operand) matrix.Source {
	return &source{
		room:    r,
		tenant:  t,
		shape:   s,
		operand: o,
	}
}

// source gives out the elements of an object.
type source struct {
	room    *Room
	tenant  identity.TenantID
	shape   matrix.Shape
	operand Operand
}

// Shape implements matrix.Source.
func (s *source) Shape() matrix.Shape { return s.shape }

// content is the key of the elements of an object. Whether they may be read depends on the tenant.
type content struct {
	tenant  identity.TenantID
	operand Operand
}

// ContentKey implements matrix.Content.
func (s *source) ContentKey() any { return content{s.tenant, s.operand} }

// scratch holds buffers for elements in Fortran order.
var scratch = sync.Pool{New: func() any { return new([]float64) }}

// ReadRect implements matrix.Source. An object in Fortran order is the transposed matrix, row by row.
func (s *source) ReadRect(ctx context.Context, r matrix.Rect, dst []byte) error {
	bucket, err := s.room.bucket(ctx, s.tenant, s.operand.Ref, read)
	if err != nil {
		return err
	}
	parts, err := npy.NewParts(s.shape, s.operand.layout())
	if err != nil {
		return fmt.Errorf("%s: %w", s.operand.Ref, err)
	}
	of := reading{
		bucket: bucket,
		source: s,
		parts:  parts,
		width:  s.shape.Cols,
		rect:   r,
		dst:    dst,
	}
	if !s.operand.Fortran {
		return of.all(ctx)
	}
	buffer := scratch.Get().(*[]float64)
	defer scratch.Put(buffer)
	if n := (len(dst) + 7) / 8; cap(*buffer) < n {
		*buffer = make([]float64, n)
	}
	of.width = s.shape.Rows
	of.dst = matrix.AsBytes((*buffer)[:(len(dst)+7)/8])[:len(dst)]
	of.rect = matrix.Rect{
		Row:  r.Col,
		Col:  r.Row,
		Rows: r.Cols,
		Cols: r.Rows,
	}
	if err := of.all(ctx); err != nil {
		return err
	}
	matrix.Transpose(dst, of.dst, r.Rows, s.shape.DType)
	return nil
}

// reading reads a rectangle of the rows in an object.
type reading struct {
	bucket *s3.Bucket
	source *source
	parts  npy.Parts
	width  int64 // of a row
	rect   matrix.Rect
	dst    []byte
}

// all reads the rectangle: by as few requests as possible, unless too many bytes between its rows would come with it.
func (r reading) all(ctx context.Context) error {
	if r.rect.Elements() == 0 {
		return ctx.Err()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(requests)
	for piece := range r.pieces {
		group.Go(func() error { return r.read(ctx, piece) })
	}
	return group.Wait()
}

// piece is what one request reads: some elements of each of some rows.
type piece struct{ row, rows, col, cols int64 }

// pieces yields the requests for a rectangle.
func (r reading) pieces(yield func(piece) bool) {
	row, col, rows, cols := r.rect.Row, r.rect.Col, r.rect.Rows, r.rect.Cols
	if cols == r.width { // one piece of the object, as if it were a row
		row, col, rows, cols = 0, row*cols, 1, rows*cols
	}
	most := max(1, rangeBytes/r.parts.Size())
	together := int64(1)
	if gap := r.width - cols; rows > 1 && gap*r.parts.Size() <= gapBytes {
		together = max(1, (most+gap)/(cols+gap))
	}
	for i := int64(0); i < rows; i += together {
		for j := int64(0); j < cols; j += most {
			p := piece{
				row:  row + i,
				rows: min(together, rows-i),
				col:  col + j,
				cols: min(most, cols-j),
			}
			if !yield(p) {
				return
			}
		}
	}
}

// read reads a piece into its place.
func (r reading) read(ctx context.Context, p piece) error {
	size := int64(r.source.shape.DType.Size())
	first := p.row*r.width + p.col
	end := (p.row+p.rows-1)*r.width + p.col + p.cols
	version := s3.Version{ID: r.source.operand.Version, ETag: r.source.operand.ETag}
	at := (p.row*r.rect.Cols + p.col) - (r.rect.Row*r.rect.Cols + r.rect.Col)
	if r.rect.Cols == r.width {
		at = first - r.rect.Row*r.width
	}
	err := r.bucket.GetVersion(ctx, r.source.operand.Key, version, r.parts.At(first), r.parts.At(end),
		func(body io.Reader, _ s3.Info) error {
			for i := range p.rows {
				if i > 0 {
					if _, err := io.CopyN(io.Discard, body, (r.width-p.cols)*r.parts.Size()); err != nil {
						return io.ErrUnexpectedEOF
					}
				}
				to := (at + i*r.rect.Cols) * size
				err := r.parts.Read(body, first+i*r.width, r.dst[to:to+p.cols*size])
				if errors.Is(err, matrix.ErrUnsupported) {
					return s3.Final(err)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	switch {
	case errors.Is(err, matrix.ErrUnsupported):
		return fmt.Errorf("%s: %w", r.source.operand.Ref, err)
	case errors.Is(err, s3.ErrMissing):
		return fmt.Errorf("%s: %w: it was deleted", r.source.operand.Ref, ErrChanged)
	}
	return named(ctx, r.source.operand.Ref, err)
}

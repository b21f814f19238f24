package blocks

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store/blocks/s3"
)

// S3 keeps blocks as objects of a bucket, <prefix>/<matrix>/<index>: the data, then a trailer with their checksums, as
// the files of File have them. A directory that is copied to a bucket is the same block store.
type S3 struct{ bucket *s3.Bucket }

// NewS3 returns the block store in a bucket. It does not connect.
func NewS3(bucket *s3.Bucket) *S3 { return &S3{bucket: bucket} }

// folder returns what the keys of a matrix begin with.
func folder(matrix uuid.UUID) string { return matrix.String() + "/" }

func objectKey(matrix uuid.UUID, index int64) string {
	return folder(matrix) + strconv.FormatInt(index, 10)
}

// named returns an error of the bucket as one of a block store.
func named(err error, what string, args ...any) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, s3.ErrFull):
		err = fmt.Errorf("%w: %w", ErrFull, err)
	case errors.Is(err, s3.ErrUnavailable):
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf(what+": %w", append(args, err)...)
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error {
	err := s.bucket.PutNew(ctx, objectKey(matrix, index), data, trailer(data))
	return named(err, "writing block %d of matrix %s", index, matrix)
}

// Sync implements Store: what a bucket has acknowledged is there.
func (*S3) Sync(context.Context, uuid.UUID, []int64) error { return nil }

// readOn is how much more than is wanted is read to get to the checksums at the end of a block; for more it takes a
// request of its own.
const readOn = 4 * pieceBytes

// Read implements Store. What differs from its checksums is read once more: it may have been changed on its way, or
// come from two writers of a store that lets the last one win.
func (s *S3) Read(ctx context.Context, b Block, offset int64, dst []byte) error {
	if err := b.checkRange(offset, dst); err != nil {
		return err
	}
	err := s.read(ctx, b, offset, dst)
	if errors.Is(err, ErrDamaged) {
		err = s.read(ctx, b, offset, dst)
	}
	return err
}

func (s *S3) read(ctx context.Context, b Block, offset int64, dst []byte) error {
	from, to := b.aligned(offset, offset+int64(len(dst)))
	if from == to {
		return ctx.Err()
	}
	if b.Size-to <= readOn {
		return s.get(ctx, b, from, b.Size+trailerBytes(b.Size), func(body io.Reader, sealed bool) error {
			got, err := b.fill(body, from, to, offset, dst)
			if err != nil || !sealed {
				return err
			}
			if _, err := io.CopyN(io.Discard, body, b.Size-to); err != nil {
				return err
			}
			return b.compareWithTrailer(body, from, got)
		})
	}
	var got []byte
	var sealed bool
	err := s.get(ctx, b, from, to, func(body io.Reader, hasTrailer bool) (err error) {
		sealed = hasTrailer
		got, err = b.fill(body, from, to, offset, dst)
		return err
	})
	if err != nil || !sealed {
		return err
	}
	return s.get(ctx, b, b.Size, b.Size+trailerBytes(b.Size), func(body io.Reader, _ bool) error {
		return b.compareWithTrailer(body, from, got)
	})
}

// get calls f with the bytes of an object from one offset to another one, and with whether it has a trailer, which
// those do not that were copied from a directory of a version before there were checksums.
func (s *S3) get(ctx context.Context, b Block, from, to int64, f func(body io.Reader, sealed bool) error) error {
	err := s.bucket.Get(ctx, objectKey(b.Matrix, b.Index), from, to, func(body io.Reader, size int64) error {
		if size != b.Size && size != b.Size+trailerBytes(b.Size) {
			return s3.Final(b.damaged(fmt.Sprintf("it has %d of %d bytes", size, b.Size+trailerBytes(b.Size))))
		}
		return f(body, size > b.Size)
	})
	switch {
	case errors.Is(err, s3.ErrMissing):
		return fmt.Errorf("%s: %w", b, ErrMissing)
	case errors.Is(err, s3.ErrRange):
		return b.damaged("it is too short")
	case errors.Is(err, ErrDamaged):
		return err
	}
	return named(err, "reading %s", b)
}

// fill reads whole pieces of a block, from one offset to another one, fills dst, which begins at offset, with what is
// wanted of them, and returns their checksums.
func (b Block) fill(body io.Reader, from, to, offset int64, dst []byte) (sums []byte, err error) {
	buffer := pieces.Get().(*[pieceBytes]byte)
	defer pieces.Put(buffer)
	sums = make([]byte, 0, sumsBytes(to-from))
	for ; from < to; from += pieceBytes {
		end := min(from+pieceBytes, b.Size)
		whole := from >= offset && end <= offset+int64(len(dst))
		piece := buffer[:end-from]
		if whole {
			piece = dst[from-offset : end-offset]
		}
		if _, err := io.ReadFull(body, piece); err != nil {
			return nil, err
		}
		sums = binary.LittleEndian.AppendUint32(sums, crc32.Checksum(piece, castagnoli))
		if !whole {
			copy(dst[max(0, from-offset):], piece[max(0, offset-from):])
		}
	}
	return sums, nil
}

// compareWithTrailer reads a trailer and compares the checksums of some pieces, the first of which begins at from, with
// those in it.
func (b Block) compareWithTrailer(body io.Reader, from int64, got []byte) error {
	t := make([]byte, trailerBytes(b.Size))
	if _, err := io.ReadFull(body, t); err != nil {
		return err
	}
	sums, err := b.parseTrailer(t)
	if err != nil {
		return s3.Final(err)
	}
	sums = sums[from/pieceBytes*4:]
	for i := 0; i < len(got); i += 4 {
		if !bytes.Equal(got[i:i+4], sums[i:i+4]) {
			at := from + int64(i)/4*pieceBytes
			return s3.Final(b.damaged(fmt.Sprintf("bytes %d to %d differ from their checksum", at,
				min(at+pieceBytes, b.Size))))
		}
	}
	return nil
}

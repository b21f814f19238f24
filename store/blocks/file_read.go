package blocks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// Read implements Store.
func (f *File) Read(ctx context.Context, b Block, offset int64, dst []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.checkRange(offset, dst); err != nil {
		return err
	}
	file, err := os.Open(f.path(b.Matrix, b.Index))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", b, ErrMissing)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", b, err)
	}
	defer func() { _ = file.Close() }()
	sums, err := b.readTrailer(file)
	if err != nil {
		return err
	}
	if sums == nil {
		return b.readAt(file, offset, dst)
	}
	return b.readVerified(file, sums, offset, dst)
}

// readTrailer returns the checksums of a block; nil of one that was written before there were checksums, and is whole.
func (b Block) readTrailer(file *os.File) ([]byte, error) {
	t := make([]byte, trailerBytes(b.Size)+1) // one more than there should be
	n, err := file.ReadAt(t, b.Size)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: %w", b, err)
	}
	if n > 0 {
		return b.parseTrailer(t[:n])
	}
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", b, err)
	}
	if info.Size() != b.Size {
		return nil, b.damaged(fmt.Sprintf("it has %d of %d bytes", info.Size(), b.Size))
	}
	return nil, nil
}

// readAt fills dst with the block's bytes from offset on.
func (b Block) readAt(file *os.File, offset int64, dst []byte) error {
	switch _, err := file.ReadAt(dst, offset); {
	case errors.Is(err, io.EOF):
		return b.damaged("it is too short")
	case err != nil:
		return fmt.Errorf("reading %s: %w", b, err)
	}
	return nil
}

// pieces holds buffers of the size of a piece.
var pieces = sync.Pool{New: func() any { return new([pieceBytes]byte) }}

// readBytes is how much is read before it is verified: a multiple of pieceBytes that is in the processor's second cache
// then.
const readBytes = 4 * pieceBytes

// readVerified fills dst with the block's bytes from offset on. Pieces of which all is wanted are read to where they
// are wanted; the first and the last one may be wanted in part.
func (b Block) readVerified(file *os.File, sums []byte, offset int64, dst []byte) error {
	for len(dst) > 0 {
		whole := min(int64(len(dst)), readBytes)
		if offset+whole < b.Size {
			whole -= whole % pieceBytes
		}
		if offset%pieceBytes != 0 || whole == 0 {
			n, err := b.readPiece(file, sums, offset, dst)
			if err != nil {
				return err
			}
			offset += n
			dst = dst[n:]
			continue
		}
		if err := b.readAt(file, offset, dst[:whole]); err != nil {
			return err
		}
		if err := b.verify(sums, offset, dst[:whole]); err != nil {
			return err
		}
		offset += whole
		dst = dst[whole:]
	}
	return nil
}

// readPiece fills the beginning of dst with what is wanted of the piece in which offset is, and returns how much that
// is.
func (b Block) readPiece(file *os.File, sums []byte, offset int64, dst []byte) (int64, error) {
	buffer := pieces.Get().(*[pieceBytes]byte)
	defer pieces.Put(buffer)
	from, to := b.aligned(offset, offset+1)
	piece := buffer[:to-from]
	if err := b.readAt(file, from, piece); err != nil {
		return 0, err
	}
	if err := b.verify(sums, from, piece); err != nil {
		return 0, err
	}
	return int64(copy(dst, piece[offset-from:])), nil
}

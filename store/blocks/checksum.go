package blocks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrDamaged means that what is stored is not what was written. It does not pass.
var ErrDamaged = errors.New("the stored content is damaged")

// pieceBytes is how many bytes of a block have one checksum. A read of a few rows verifies the pieces in which they
// are, and no more.
const pieceBytes = 64 << 10

// castagnoli is the polynomial for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksums returns the CRC-32C of each piece of a block.
func checksums(data []byte) []byte {
	sums := make([]byte, 0, sumsBytes(int64(len(data))))
	for len(data) > 0 {
		piece := data[:min(pieceBytes, len(data))]
		sums = binary.LittleEndian.AppendUint32(sums, crc32.Checksum(piece, castagnoli))
		data = data[len(piece):]
	}
	return sums
}

// sumsBytes returns the size of the checksums of a block.
func sumsBytes(size int64) int64 { return 4 * ((size + pieceBytes - 1) / pieceBytes) }

// aligned returns the whole pieces of a block in which the bytes from offset up to end are.
func (b Block) aligned(offset, end int64) (from, to int64) {
	return offset / pieceBytes * pieceBytes, min((end+pieceBytes-1)/pieceBytes*pieceBytes, b.Size)
}

// verify compares whole pieces of the block, those from offset on, with the checksums of all its pieces.
func (b Block) verify(sums []byte, offset int64, data []byte) error {
	for len(data) > 0 {
		piece := data[:min(pieceBytes, len(data))]
		if crc32.Checksum(piece, castagnoli) != binary.LittleEndian.Uint32(sums[offset/pieceBytes*4:]) {
			return b.damaged(fmt.Sprintf("bytes %d to %d differ from their checksum", offset, offset+int64(len(piece))))
		}
		offset += int64(len(piece))
		data = data[len(piece):]
	}
	return nil
}

// damaged returns the error for a block that is not what was written.
func (b Block) damaged(how string) error { return fmt.Errorf("%s: %w: %s", b, ErrDamaged, how) }

// checkRange returns an error if a read asks for bytes that the block cannot have.
func (b Block) checkRange(offset int64, dst []byte) error {
	if offset < 0 || offset+int64(len(dst)) > b.Size {
		return fmt.Errorf("%s: bytes %d to %d are beyond its %d bytes", b, offset, offset+int64(len(dst)), b.Size)
	}
	return nil
}

// trailerMagic is in the trailer of a block in a file: the checksums of the pieces, and the checksum of those with the
// magic.
const trailerMagic = "\x93MILLCRC"

// trailer returns what follows the data of a block in a file.
func trailer(data []byte) []byte {
	sums := checksums(data)
	return append(binary.LittleEndian.AppendUint32(sums, crc32.Checksum(sums, castagnoli)), trailerMagic...)
}

// trailerBytes returns the size of the trailer of a block.
func trailerBytes(size int64) int64 { return sumsBytes(size) + 4 + int64(len(trailerMagic)) }

// parseTrailer returns the checksums in a trailer, which must be all that follows the data.
func (b Block) parseTrailer(t []byte) ([]byte, error) {
	n := sumsBytes(b.Size)
	if int64(len(t)) != trailerBytes(b.Size) || string(t[n+4:]) != trailerMagic ||
		crc32.Checksum(t[:n], castagnoli) != binary.LittleEndian.Uint32(t[n:]) {
		return nil, b.damaged("it does not end with its checksums")
	}
	return t[:n], nil
}

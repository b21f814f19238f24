package blocks

import (
	"hash/crc32"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
)

// BenchmarkFileRead reads blocks from the page cache: as Read does, without their checksums, and the checksums alone. It
// reports the best of each.
func BenchmarkFileRead(b *testing.B) {
	const size = 2 << 20
	const count = 64
	f, err := NewFile(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	id := uuid.New()
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	for i := range int64(count) {
		if err := f.Put(b.Context(), id, i, data); err != nil {
			b.Fatal(err)
		}
	}
	block := Block{
		Matrix: id,
		Size:   size,
	}
	plain := func() error {
		file, err := os.Open(f.path(block.Matrix, block.Index))
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		_, err = io.ReadFull(file, data)
		return err
	}
	best := map[string]time.Duration{}
	measure := func(what string, read func() error) {
		begin := time.Now()
		if err := read(); err != nil {
			b.Fatal(err)
		}
		if d := time.Since(begin); best[what] == 0 || d < best[what] {
			best[what] = d
		}
	}
	for b.Loop() { // in turns, so that what else the machine does disturbs all alike
		block.Index = (block.Index + 1) % count
		measure("verified", func() error { return f.Read(b.Context(), block, 0, data) })
		measure("plain", plain)
		measure("checksum", func() error { crc32.Checksum(data, castagnoli); return nil })
	}
	for what, d := range best {
		b.ReportMetric(size/d.Seconds()/1e9, what+"-GB/s")
	}
	b.ReportMetric(best["plain"].Seconds()/best["verified"].Seconds(), "verified/plain")
}

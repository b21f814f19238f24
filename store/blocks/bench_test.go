package blocks_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store/blocks"
)

func BenchmarkBlocks(b *testing.B) {
	file, err := blocks.NewFile(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for name, s := range map[string]blocks.Store{"postgres": blocks.NewPostgres(testdb.New(b)), "file": file} {
		data := make([]byte, 2<<20)
		id := uuid.New()
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		written := int64(0)
		b.Run(name+"/write", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := s.Put(b.Context(), id, written, data); err != nil {
					b.Fatal(err)
				}
				written++
			}
		})
		b.Run(name+"/read", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for index := int64(0); b.Loop(); index = (index + 1) % written {
				if err := s.Read(b.Context(), block(id, index, int64(len(data))), 0, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

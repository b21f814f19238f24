package store_test

import (
	"testing"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// BenchmarkUpload writes a matrix of 128 MB, in either order.
func BenchmarkUpload(b *testing.B) {
	shape := matrix.Shape{
		Rows:  1600,
		Cols:  10000,
		DType: matrix.Float64,
	}
	data := content(shape)
	s := open(b)
	for name, backend := range map[string]blocks.Store{"postgres": blocks.NewPostgres(testdb.New(b)), "file": s.Blocks} {
		for order, fortran := range map[string]bool{"rows": false, "columns": true} {
			b.Run(name+"/"+order, func(b *testing.B) {
				s.Blocks = backend
				b.SetBytes(shape.Bytes())
				for b.Loop() {
					u := s.For(identity.DefaultTenant).NewUpload(b.Context(), shape, fortran, store.FromUpload)
					for at := 0; at < len(data); at += 256 << 10 {
						if _, err := u.Write(data[at:min(at+256<<10, len(data))]); err != nil {
							b.Fatal(err)
						}
					}
					m, err := finish(b, s, u)
					if err != nil {
						b.Fatal(err)
					}
					if err := remove(b, s, m.ID); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

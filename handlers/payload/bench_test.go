package payload

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// forgetful is a block store that keeps nothing, so that only the reading of text and the hashing are measured.
type forgetful struct{ blocks.Store }

func (forgetful) Put(context.Context, uuid.UUID, int64, []byte) error     { return nil }
func (forgetful) Read(context.Context, blocks.Block, int64, []byte) error { return nil }
func (forgetful) Delete(context.Context, uuid.UUID) error                 { return nil }

// BenchmarkJSONOperands reads a submission of two 1000×1000 operands as text.
func BenchmarkJSONOperands(b *testing.B) {
	s := store.Open(testdb.New(b), forgetful{}, time.Hour)
	for name, element := range map[string]func(*rand.Rand) string{
		"integers": func(r *rand.Rand) string { return strconv.Itoa(r.IntN(1000)) },
		"floats":   func(r *rand.Rand) string { return strconv.FormatFloat(r.NormFloat64(), 'g', -1, 64) },
	} {
		b.Run(name, func(b *testing.B) {
			var text strings.Builder
			text.WriteString(`{"a": {"values": `)
			writeRows(&text, 1000, 1000, element)
			text.WriteString(`}, "b": {"values": `)
			writeRows(&text, 1000, 1000, element)
			text.WriteString(`}}`)
			b.SetBytes(int64(text.Len()))
			b.ReportAllocs()
			for b.Loop() {
				intake := NewIntake(s.For(identity.DefaultTenant), 0)
				if _, err := ReadOrder(b.Context(), bodyOf(resource.MediaJSON, text.String()), intake); err != nil {
					b.Fatal(err)
				}
				if err := intake.Discard(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func writeRows(w *strings.Builder, rows, cols int, element func(*rand.Rand) string) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		w.WriteString(map[bool]string{true: "[[", false: ", ["}[i == 0])
		for j := range cols {
			if j > 0 {
				w.WriteString(", ")
			}
			w.WriteString(element(random))
		}
		w.WriteString("]")
	}
	w.WriteString("]")
}

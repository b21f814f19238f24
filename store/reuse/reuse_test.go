package reuse_test

import (
	"bytes"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/objects"
	"github.com/millrace/millrace/store/reuse"
)

var shape = matrix.Shape{
	Rows:  2,
	Cols:  2,
	DType: matrix.Float64,
}

// object returns an operand in a bucket.
func object(change func(*objects.Operand)) store.Matrix {
	o := objects.Operand{
		Ref: objects.Ref{
			Bucket:  "b",
			Key:     "k",
			Version: "v",
		},
		ETag:   "e",
		Descr:  "<f8",
		Offset: 128,
	}
	change(&o)
	return store.Matrix{
		ID:     uuid.New(),
		Rows:   2,
		Cols:   2,
		DType:  matrix.Float64,
		Source: store.FromObject,
		Object: &o,
	}
}

// TestKey: whatever differs in what is multiplied makes another key; what has no name that tells has none.
func TestKey(t *testing.T) {
	t.Parallel()
	elements := make([]byte, 32)
	other := bytes.Repeat([]byte{1}, 32)
	single := shape
	single.DType = matrix.Float32
	wide := matrix.Shape{
		Rows:  1,
		Cols:  4,
		DType: matrix.Float64,
	}
	same := func(*objects.Operand) {}
	result := store.Matrix{
		ID:     uuid.New(),
		Rows:   2,
		Cols:   2,
		DType:  matrix.Float64,
		Source: store.FromMultiplication,
	}
	different := map[string]store.Matrix{
		"content":        store.NewContent(shape, elements),
		"other content":  store.NewContent(shape, other),
		"random":         store.NewRandom(shape, 1),
		"another seed":   store.NewRandom(shape, 2),
		"another type":   store.NewRandom(single, 1),
		"another shape":  store.NewRandom(wide, 1),
		"object":         object(same),
		"another ETag":   object(func(o *objects.Operand) { o.ETag = "f" }),
		"another key":    object(func(o *objects.Operand) { o.Key = "l" }),
		"another bucket": object(func(o *objects.Operand) { o.Bucket = "c" }),
		"another one":    object(func(o *objects.Operand) { o.Version = "w" }),
		"column-major":   object(func(o *objects.Operand) { o.Fortran = true }),
		"result":         result,
	}
	right := store.NewRandom(shape, 7)
	seen := map[string]string{}
	for name, m := range different {
		for side, key := range map[string][]byte{
			"left": reuse.Key(1, m, right), "right": reuse.Key(1, right, m), "of another tenant": reuse.Key(2, m, right),
		} {
			if before, ok := seen[string(key)]; ok || len(key) != 32 {
				t.Errorf("%s, %s: the key is that of %s, or none", name, side, before)
			}
			seen[string(key)] = name + ", " + side
		}
	}
	shared := result
	shared.ID = uuid.New()
	shared.ContentID = &result.ID
	hashed := store.Matrix{
		ID:     uuid.New(),
		Rows:   2,
		Cols:   2,
		DType:  matrix.Float64,
		Digest: npy.Digest(shape, elements),
	}
	unhashed := store.NewContent(shape, elements)
	unhashed.Digest = nil
	for name, m := range map[string]store.Matrix{
		"content": hashed, "random": store.NewRandom(shape, 1), "object": object(same), "result": shared,
	} {
		if !bytes.Equal(reuse.Key(1, m, right), reuse.Key(1, different[name], right)) {
			t.Errorf("%s: the same in another matrix has another key", name)
		}
	}
	if !bytes.Equal(reuse.Key(1, unhashed, right), reuse.Key(1, hashed, right)) {
		t.Error("a content has another key before it is hashed")
	}
	for name, m := range map[string]store.Matrix{
		"weak ETag":   object(func(o *objects.Operand) { o.ETag = `W/"e"` }),
		"no ETag":     object(func(o *objects.Operand) { o.ETag = "" }),
		"not written": {ID: uuid.New(), Rows: 2, Cols: 2, DType: matrix.Float64, Source: store.FromUpload},
	} {
		if key := reuse.Key(1, m, right); key != nil {
			t.Errorf("%s: key %x, want none", name, key)
		}
	}
}

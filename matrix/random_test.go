package matrix

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRandomElements(t *testing.T) {
	t.Parallel()
	const seed = 1234567
	// The first outputs for this seed, by the C code of S. Vigna, https://prng.di.unimi.it/splitmix64.c.
	outputs := []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431}
	got64 := make([]float64, 4)
	got32 := make([]float32, 4)
	shape := Shape{
		Rows:  2,
		Cols:  2,
		DType: Float64,
	}
	mustRead(t, NewRandom(shape, seed), shape.Rect(), AsBytes(got64))
	shape.DType = Float32
	mustRead(t, NewRandom(shape, seed), shape.Rect(), AsBytes(got32))
	for i, z := range outputs {
		if want := float64(z>>11) / (1 << 53); got64[i] != want {
			t.Errorf("float64 element %d = %v, want %v", i, got64[i], want)
		}
		if want := float32(z>>40) / (1 << 24); got32[i] != want {
			t.Errorf("float32 element %d = %v, want %v", i, got32[i], want)
		}
	}
}

// mustRead reads a rectangle of s, and fails the test if it cannot.
func mustRead(t testing.TB, s Source, r Rect, dst []byte) {
	t.Helper()
	if err := s.ReadRect(context.Background(), r, dst); err != nil {
		t.Fatal(err)
	}
}

// TestRandomRectangles: a rectangle has the same elements as the whole matrix, at any alignment of the memory that it
// is read to.
func TestRandomRectangles(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, dtype := range []DType{Float64, Float32} {
		shape := Shape{
			Rows:  37,
			Cols:  53,
			DType: dtype,
		}
		size := int64(dtype.Size())
		source := NewRandom(shape, math.MaxUint64-5)
		whole := make([]byte, shape.Bytes())
		mustRead(t, source, shape.Rect(), whole)
		for range 200 {
			r := Rect{Row: rnd.Int64N(37), Col: rnd.Int64N(53)}
			r.Rows = rnd.Int64N(38 - r.Row)
			r.Cols = rnd.Int64N(54 - r.Col)
			offset := rnd.Int64N(9)
			dst := make([]byte, offset+r.Elements()*size)[offset:]
			mustRead(t, source, r, dst)
			for i := range r.Rows {
				from := ((r.Row+i)*shape.Cols + r.Col) * size
				if !bytes.Equal(dst[i*r.Cols*size:(i+1)*r.Cols*size], whole[from:from+r.Cols*size]) {
					t.Fatalf("%s: row %d of %+v differs from that of the whole matrix", dtype, i, r)
				}
			}
		}
	}
}

// TestRandomHuge: the indexes of elements do not overflow in a matrix of 2⁶⁰ elements.
func TestRandomHuge(t *testing.T) {
	t.Parallel()
	shape := Shape{
		Rows:  1 << 30,
		Cols:  1 << 30,
		DType: Float64,
	}
	var corners [4]float64
	for i, at := range [][2]int64{{0, 0}, {0, 1<<30 - 1}, {1<<30 - 1, 0}, {1<<30 - 1, 1<<30 - 1}} {
		mustRead(t, NewRandom(shape, 1), Rect{
			Row:  at[0],
			Col:  at[1],
			Rows: 1,
			Cols: 1,
		}, AsBytes(corners[i:i+1]))
	}
	for i, c := range corners {
		if slices.Contains(corners[:i], c) {
			t.Errorf("two corners are %v, want different elements", c)
		}
	}
}

// TestRandomIsUniform: mean, variance, the correlation of neighbours and the distance from the uniform distribution,
// each within five standard deviations (for the distance, that of Kolmogorov and Smirnov, within what one in 10⁹
// samples exceeds).
func TestRandomIsUniform(t *testing.T) {
	t.Parallel()
	const n = 1 << 17
	shape := Shape{
		Rows:  1 << 10,
		Cols:  n >> 10,
		DType: Float64,
	}
	x := make([]float64, n)
	for seed := range uint64(4) {
		mustRead(t, NewRandom(shape, seed), shape.Rect(), AsBytes(x))
		var sum, squares, products float64
		for i, v := range x {
			if v < 0 || v >= 1 {
				t.Fatalf("element %d is %v, want one in [0, 1)", i, v)
			}
			d := v - 0.5
			sum += d
			squares += d * d
			if i > 0 {
				products += d * (x[i-1] - 0.5)
			}
		}
		if sigma := math.Sqrt(n / 12.0); math.Abs(sum) > 5*sigma {
			t.Errorf("seed %d: the mean is off by %v, want at most %v", seed, sum/n, 5*sigma/n)
		}
		if sigma := math.Sqrt(n / 180.0); math.Abs(squares-n/12.0) > 5*sigma {
			t.Errorf("seed %d: the variance is %v, want 1/12 ± %v", seed, squares/n, 5*sigma/n)
		}
		if sigma := math.Sqrt(n) / 12; math.Abs(products) > 5*sigma {
			t.Errorf("seed %d: neighbours have a covariance of %v, want at most %v", seed, products/n, 5*sigma/n)
		}
		slices.Sort(x)
		for i, v := range x {
			if math.Abs(v-float64(i)/n)*math.Sqrt(n) > 3.3 {
				t.Fatalf("seed %d: %d of %d elements are below %v, want a fraction of about that", seed, i, n, v)
			}
		}
	}
}

func TestRandomCancelled(t *testing.T) {
	t.Parallel()
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(reason)
	shape := Shape{
		Rows:  3,
		Cols:  3,
		DType: Float32,
	}
	if err := NewRandom(shape, 1).ReadRect(ctx, shape.Rect(), make([]byte, shape.Bytes())); !errors.Is(err, reason) {
		t.Errorf("ReadRect() = %v, want %v", err, reason)
	}
}

func BenchmarkRandom(b *testing.B) {
	for _, dtype := range []DType{Float64, Float32} {
		b.Run(string(dtype), func(b *testing.B) {
			shape := Shape{
				Rows:  1 << 10,
				Cols:  1 << 10,
				DType: dtype,
			}
			source := NewRandom(shape, 1)
			dst := make([]byte, shape.Bytes())
			for b.Loop() {
				mustRead(b, source, shape.Rect(), dst)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(shape.Elements()), "ns/element")
			b.ReportMetric(0, "ns/op")
		})
	}
}

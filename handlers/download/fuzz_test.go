package download

import (
	"math"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix"
)

// FuzzRanges: ranges that are taken from a header are within the content, and mean the same when they are written down.
func FuzzRanges(f *testing.F) {
	for _, header := range []string{
		"bytes=0-0,5-", "bytes=-3", "BYTES= 1-2 ,, 9223372036854775808-", "bytes=-0", "bytes=2-1", "bytes=--1", "lines=1-2",
	} {
		f.Add(header, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		ranges, ok := parseRanges(header, size)
		if !ok || len(ranges) > maxRanges {
			return
		}
		for _, r := range ranges {
			if r.first < 0 || r.first > r.last || r.last >= size {
				t.Errorf("parseRanges(%q, %d) has %+v, want bytes of the content", header, size, r)
			}
		}
		again, ok := parseRanges(formatRanges(ranges), size)
		if !ok || len(again) != len(ranges) {
			t.Fatalf("parseRanges(%q, %d) = %v, %t, want %v", formatRanges(ranges), size, again, ok, ranges)
		}
		for i := range ranges {
			if again[i] != ranges[i] {
				t.Errorf("parseRanges(%q, %d) = %v, want %v", formatRanges(ranges), size, again, ranges)
			}
		}
	})
}

// FuzzWindow: a window is within its matrix, whatever the slices are.
func FuzzWindow(f *testing.F) {
	f.Add("-2:", ":", int64(3), int64(4))
	f.Add("9223372036854775808:", "-9223372036854775809:-1", int64(math.MaxInt64), int64(1))
	f.Add("1:0", "a:b", int64(0), int64(0))
	f.Fuzz(func(t *testing.T, rows, cols string, m, n int64) {
		if m < 0 || n < 0 {
			return
		}
		rect, err := Window{rows, cols}.Rect(matrix.Shape{
			Rows:  m,
			Cols:  n,
			DType: matrix.Float32,
		})
		if err != nil {
			return
		}
		outside := func(first, length, size int64) bool {
			return first < 0 || length < 0 || first > size || length > size-first
		}
		if outside(rect.Row, rect.Rows, m) || outside(rect.Col, rect.Cols, n) {
			t.Errorf("rows=%q, cols=%q of %d×%d is %+v, which is outside of it", rows, cols, m, n, rect)
		}
	})
}

// FuzzAccept: a weight is a number from 0 to 1, and there is a form exactly if one of the two has a weight.
func FuzzAccept(f *testing.F) {
	for _, header := range []string{
		"application/json", "application/*;q=0.5, */*;q=0", "application/x-npy;q=nan", "*/*;q=-1", `application/json;q="1"`, ",,;q",
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		npy, json := Quality(header, resource.MediaNPY), Quality(header, resource.MediaJSON)
		for _, q := range []float64{npy, json} {
			if !(q >= 0 && q <= 1) {
				t.Errorf("a weight in %q is %g, want 0 to 1", header, q)
			}
		}
		forms, err := Forms(header)
		if (err == nil) != (len(forms) > 0) || npy+json > 0 && err != nil {
			t.Errorf("Forms(%q) = %v, %v, with the weights %g and %g", header, forms, err, npy, json)
		}
	})
}

package matrix

import (
	"context"
	"unsafe"
)

// Source gives out the elements of a matrix, a rectangle at a time. Implementations are safe for concurrent use.
type Source interface {
	// Shape returns the size of the matrix.
	Shape() Shape
	// ReadRect writes the elements of r, row-major and without padding, to dst, which holds exactly
	// r.Elements()·Shape().DType.Size() bytes. The rectangle lies inside the matrix.
	ReadRect(ctx context.Context, r Rect, dst []byte) error
}

// Float is the constraint of the element types.
type Float interface{ float32 | float64 }

// UnitRoundoff returns half the distance from 1 to the next element of T: the relative error of one rounding.
func UnitRoundoff[T Float]() float64 {
	var zero T
	if _, ok := any(zero).(float32); ok {
		return 0x1p-24
	}
	return 0x1p-53
}

// AsBytes returns the bytes of s in memory, without a copy: little-endian on every machine that Go's 64-bit servers run
// on (amd64, arm64, riscv64, ppc64le).
func AsBytes[T Float](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}

// AsFloats returns the elements in b without a copy. It panics unless b is aligned for T and a whole number of elements.
func AsFloats[T Float](b []byte) []T {
	var zero T
	size := unsafe.Sizeof(zero)
	if len(b) == 0 {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(len(b))%size != 0 || uintptr(p)%size != 0 {
		panic("matrix: bytes are not whole, aligned elements")
	}
	return unsafe.Slice((*T)(p), uintptr(len(b))/size)
}

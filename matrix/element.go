package matrix

import (
	"fmt"
	"strings"
	"unsafe"
)

// DType is the type of a matrix's elements.
type DType string

// The element types that Millrace stores and multiplies.
const (
	Float64 DType = "float64"
	Float32 DType = "float32"
)

// Size returns the size of one element in bytes.
func (d DType) Size() int {
	if d == Float32 {
		return 4
	}
	return 8
}

// dtypeNames and dtypeCodes are NumPy's names of the element types. A byte order may precede a code.
var (
	dtypeNames = map[string]DType{
		"float64": Float64,
		"double":  Float64,
		"float":   Float64,
		"float_":  Float64,
		"float32": Float32,
		"single":  Float32,
	}
	dtypeCodes = map[string]DType{
		"f8": Float64,
		"d":  Float64,
		"f4": Float32,
		"f":  Float32,
	}
)

// ParseDType returns the DType that a name means: each that np.dtype takes for one of the types, in native or little
// endian order, such as "float64", "f8", "d" or "<f8". The empty name means float64. The error for any other name wraps
// ErrUnsupported.
func ParseDType(name string) (DType, error) {
	if name == "" {
		return Float64, nil
	}
	d, ok := dtypeNames[name]
	if !ok {
		code := name
		if strings.IndexByte("<=|", code[0]) >= 0 {
			code = code[1:]
		}
		d, ok = dtypeCodes[code]
	}
	if !ok {
		return "", fmt.Errorf("%w: dtype %.40q, use %q or %q", ErrUnsupported, name, Float64, Float32)
	}
	return d, nil
}

// Promote returns the element type of the result for operands of types a and b, by NumPy's rule: float32 if both are
// float32, else float64.
func Promote(a, b DType) DType {
	if a == Float32 && b == Float32 {
		return Float32
	}
	return Float64
}

// Float is the constraint of the element types.
type Float interface{ float32 | float64 }

// DTypeOf returns the DType whose elements are T.
func DTypeOf[T Float]() DType {
	var zero T
	if _, ok := any(zero).(float32); ok {
		return Float32
	}
	return Float64
}

// UnitRoundoff returns the relative error of one rounding: half the distance from 1 to the next element of T.
func UnitRoundoff[T Float]() float64 {
	if DTypeOf[T]() == Float32 {
		return 0x1p-24
	}
	return 0x1p-53
}

// AsBytes returns the memory of s without a copy. The bytes are little-endian on the 64-bit platforms that Millrace
// runs on: amd64, arm64, riscv64 and ppc64le.
func AsBytes[T Float](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}

// AsFloats returns the elements in b without a copy. It panics unless b is aligned for T and a whole number of
// elements.
func AsFloats[T Float](b []byte) []T {
	var zero T
	size := unsafe.Sizeof(zero)
	if len(b) == 0 {
		return nil
	}
	if uintptr(len(b))%size != 0 || !isAligned[T](b) {
		panic("matrix: bytes are not whole, aligned elements")
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))/size)
}

// isAligned reports whether b is aligned for elements of T.
func isAligned[T Float](b []byte) bool {
	var zero T
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%unsafe.Sizeof(zero) == 0
}

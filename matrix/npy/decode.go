package npy

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"
)

// maxExactInt is the bound up to which float64 represents integers exactly.
const maxExactInt = 1 << 53

// decoder turns elements of a .npy file, aligned in src, into elements as Millrace stores them. It may change src. It
// returns the index of the first element that cannot be stored exactly, or -1.
type decoder func(dst, src []byte) int

// decoder returns the decoder of elements of type e, or nil if they are stored as they are in the file.
func (e element) decoder() decoder {
	switch {
	case e.kind == 'b':
		return decodeBool
	case e.kind != 'f':
		return e.withByteOrder(intDecoder(e.kind == 'i', e.size))
	case e.bigEndian && e.size == 8:
		return swapFloat64
	case e.bigEndian:
		return swapFloat32
	default:
		return nil
	}
}

// withByteOrder turns a decoder of little-endian elements into one of elements of e's byte order.
func (e element) withByteOrder(decode decoder) decoder {
	if !e.bigEndian {
		return decode
	}
	return func(dst, src []byte) int {
		swapInPlace(src, e.size)
		return decode(dst, src)
	}
}

// intDecoder returns the decoder of little-endian integers of size bytes.
func intDecoder(signed bool, size int) decoder {
	switch {
	case signed && size == 1:
		return widen[int8]
	case signed && size == 2:
		return widen[int16]
	case signed && size == 4:
		return widen[int32]
	case signed:
		return widenInt64
	case size == 1:
		return widen[uint8]
	case size == 2:
		return widen[uint16]
	case size == 4:
		return widen[uint32]
	default:
		return widenUint64
	}
}

// viewAs returns b as elements of T, without a copy. b must be aligned for T.
func viewAs[T any](b []byte) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(*new(T))))
}

// putFloat64 writes element i of dst, which need not be aligned.
func putFloat64(dst []byte, i int, v float64) {
	binary.LittleEndian.PutUint64(dst[8*i:], math.Float64bits(v))
}

// widen decodes integers of at most 32 bits, which float64 represents exactly.
func widen[T int8 | int16 | int32 | uint8 | uint16 | uint32](dst, src []byte) int {
	for i, v := range viewAs[T](src) {
		putFloat64(dst, i, float64(v))
	}
	return -1
}

// decodeBool decodes truth values: 1 for each byte that is not 0, as NumPy takes it.
func decodeBool(dst, src []byte) int {
	for i, v := range src {
		f := 1.0
		if v == 0 {
			f = 0
		}
		putFloat64(dst, i, f)
	}
	return -1
}

func widenInt64(dst, src []byte) int {
	for i, v := range viewAs[int64](src) {
		if v > maxExactInt || v < -maxExactInt {
			return i
		}
		putFloat64(dst, i, float64(v))
	}
	return -1
}

func widenUint64(dst, src []byte) int {
	for i, v := range viewAs[uint64](src) {
		if v > maxExactInt {
			return i
		}
		putFloat64(dst, i, float64(int64(v))) // Converting a signed integer is one instruction.
	}
	return -1
}

func swapFloat64(dst, src []byte) int {
	for i, v := range viewAs[uint64](src) {
		binary.LittleEndian.PutUint64(dst[8*i:], bits.ReverseBytes64(v))
	}
	return -1
}

func swapFloat32(dst, src []byte) int {
	for i, v := range viewAs[uint32](src) {
		binary.LittleEndian.PutUint32(dst[4*i:], bits.ReverseBytes32(v))
	}
	return -1
}

// swapInPlace reverses the bytes of each element.
func swapInPlace(b []byte, size int) {
	switch size {
	case 2:
		for i, v := range viewAs[uint16](b) {
			viewAs[uint16](b)[i] = bits.ReverseBytes16(v)
		}
	case 4:
		for i, v := range viewAs[uint32](b) {
			viewAs[uint32](b)[i] = bits.ReverseBytes32(v)
		}
	case 8:
		for i, v := range viewAs[uint64](b) {
			viewAs[uint64](b)[i] = bits.ReverseBytes64(v)
		}
	}
}

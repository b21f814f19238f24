package jsonrows

import (
	"math"
	"strconv"
)

// The whole numbers that are written as integers: below these bounds each is an element, so that none of its digits can
// be left out.
const (
	wholeFloat64 = 1 << 53
	wholeFloat32 = 1 << 24
)

// appendFloat64 appends a finite number as ECMAScript's Number::toString writes it, but for the negative zero.
func appendFloat64(dst []byte, f float64) []byte {
	if n := int64(f); float64(n) == f && -wholeFloat64 < n && n < wholeFloat64 && (n != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(dst, n, 10)
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return shortExponent(strconv.AppendFloat(dst, f, 'e', -1, 64))
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// appendFloat32 appends the shortest decimal that reads back as the same float32. The bounds of the exponents are
// compared in float32, since 1e21 and 1e-6 stand for the elements that they read back as.
func appendFloat32(dst []byte, f float32) []byte {
	if n := int64(f); float32(n) == f && -wholeFloat32 < n && n < wholeFloat32 && (n != 0 || !math.Signbit(float64(f))) {
		return strconv.AppendInt(dst, n, 10)
	}
	if abs := max(f, -f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return shortExponent(strconv.AppendFloat(dst, float64(f), 'e', -1, 32))
	}
	return strconv.AppendFloat(dst, float64(f), 'f', -1, 32)
}

// shortExponent takes the zero out of an exponent of one digit: strconv writes two digits at least, 1e-07.
func shortExponent(text []byte) []byte {
	n := len(text)
	if text[n-4] == 'e' && text[n-2] == '0' {
		text[n-2] = text[n-1]
		text = text[:n-1]
	}
	return text
}

package jsonrows

import (
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// maxDigits is the number of decimal digits that a uint64 holds, whatever they are.
const maxDigits = 19

// powersOfTen are the powers of ten that a uint64 holds.
var powersOfTen = [maxDigits + 1]uint64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// maxExponent bounds the exponent while it is scanned. Beyond it every number is zero or infinite.
const maxExponent = 1 << 20

// number is a number as it is written: ±mantissa·10^exponent.
type number struct {
	negative bool
	digits   int // of the mantissa, which has overflowed if there are more than maxDigits
	mantissa uint64
	exponent int
}

// parseNumber returns the float64 nearest to the JSON number at the start of text, and the length of the number in
// bytes.
//   - The length is 0 if text does not start with a number.
//   - The length is that of text, and the value is not known, if the number may continue after text.
//   - It returns an error for a number beyond the largest float64.
//
// Most numbers are integers, or fractions of an integer and a power of ten that a uint64 holds both: these take one
// division.
func parseNumber(text []byte) (f float64, length int, err error) {
	n, length := scanNumber(text)
	switch {
	case length <= 0 || length == len(text):
		return 0, length, nil
	case n.digits > maxDigits || n.exponent > 0 || n.exponent < -maxDigits:
		// The string is text itself: ParseFloat keeps no reference to it.
		f, err = strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), length), 64)
		return f, length, err
	case n.exponent == 0 || n.mantissa == 0:
		f = float64(n.mantissa)
	default:
		f = quotient(n.mantissa, powersOfTen[-n.exponent])
	}
	if n.negative {
		f = -f
	}
	return f, length, nil
}

const (
	fractionBits = 52 // of a float64, without the leading one
	exponentBias = 1023
)

// quotient returns x/y rounded to the nearest float64, ties to even. x and y must not be 0.
//
// Both are shifted left until their highest bit is set. The quotient of x'·2⁶³ and y' then has 63 or 64 bits. It is
// cut to 53; the bits that are cut off and the remainder decide the rounding.
func quotient(x, y uint64) float64 {
	xShift, yShift := bits.LeadingZeros64(x), bits.LeadingZeros64(y)
	x <<= xShift
	q, remainder := bits.Div64(x>>1, x<<63, y<<yShift)
	cut := bits.Len64(q) - (fractionBits + 1)
	significand := q >> cut
	rest, half := q&(1<<cut-1), uint64(1)<<(cut-1)
	if rest > half || rest == half && (remainder > 0 || significand&1 == 1) {
		significand++ // to 2⁵³ at most, which carries into the exponent below
	}
	exponent := yShift - xShift - 63 + cut + fractionBits + exponentBias
	biased := uint64(exponent) << fractionBits //nolint:gosec // the exponent is near the bias
	return math.Float64frombits(biased + significand - 1<<fractionBits)
}

// scanNumber reads a number by the grammar of RFC 8259, section 6. The length is 0 if text does not follow it.
func scanNumber(text []byte) (n number, length int) {
	i := 0
	if i < len(text) && text[i] == '-' {
		n.negative = true
		i++
	}
	start := i
	i = n.take(text, i)
	switch {
	case i == len(text):
		return n, i
	case i == start, text[start] == '0' && i > start+1: // no digit, or a leading zero
		return n, 0
	}
	if text[i] == '.' {
		start = i + 1
		i = n.take(text, start)
		n.exponent -= i - start
		if i == start && i < len(text) {
			return n, 0
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		return n.scanExponent(text, i+1)
	}
	return n, i
}

// take adds the digits at text[i:] to the mantissa, and returns the index after the last of them.
func (n *number) take(text []byte, i int) int {
	mantissa := n.mantissa
	start := i
	for ; i < len(text); i++ {
		d := text[i] - '0'
		if d > 9 {
			break
		}
		mantissa = mantissa*10 + uint64(d)
	}
	n.mantissa = mantissa
	n.digits += i - start
	return i
}

// scanExponent reads the exponent at text[i:], after the letter e.
func (n *number) scanExponent(text []byte, i int) (number, int) {
	negative := false
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		negative = text[i] == '-'
		i++
	}
	start := i
	exponent := 0
	for ; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
		if exponent < maxExponent {
			exponent = exponent*10 + int(text[i]-'0')
		}
	}
	if i == start && i < len(text) {
		return *n, 0
	}
	if negative {
		exponent = -exponent
	}
	n.exponent += exponent
	return *n, i
}

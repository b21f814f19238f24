package handlers

import (
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// maxDigits is how many digits any integer may have that uint64 holds.
const maxDigits = 19

// powersOfTen are those that uint64 holds.
var powersOfTen = [maxDigits + 1]uint64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// maxExponent is as good as infinite.
const maxExponent = 1 << 20

// jsonNumber is a number as it is scanned: ±mantissa·10^exponent.
type jsonNumber struct {
	negative bool
	digits   int // of the mantissa; with more than maxDigits it is wrong
	mantissa uint64
	exponent int
}

// parseNumber returns the float64 nearest to the JSON number with which text begins, and its length; 0 when it is not one. The
// length is that of text when the number may go on behind it. It fails for what is beyond the largest float64.
//
// Most numbers are integers, or decimals that uint64 holds over a power of ten that it holds, too: they take one division.
func parseNumber(text []byte) (f float64, length int, err error) {
	n, length := scanNumber(text)
	switch {
	case length <= 0 || length == len(text):
		return 0, length, nil
	case n.digits > maxDigits || n.exponent > 0 || n.exponent < -maxDigits:
		f, err = strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), length), 64) // which keeps no reference
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
	fractionBits = 52 // of a float64, behind the leading one
	exponentBias = 1023
)

// quotient returns the float64 nearest to x/y, and of two equally near ones the even one. Neither may be 0.
//
// Both are shifted until they begin with a one. The quotient of x'·2⁶³ and y' then has 63 or 64 bits, and what is left of them
// and of the remainder when it is cut to 53 says which way to round.
func quotient(x, y uint64) float64 {
	xShift, yShift := bits.LeadingZeros64(x), bits.LeadingZeros64(y)
	x <<= xShift
	q, remainder := bits.Div64(x>>1, x<<63, y<<yShift)
	cut := bits.Len64(q) - (fractionBits + 1)
	significand, rest, half := q>>cut, q&(1<<cut-1), uint64(1)<<(cut-1)
	if rest > half || rest == half && (remainder > 0 || significand&1 == 1) {
		significand++ // to 2⁵³ perhaps, which carries into the exponent below
	}
	exponent := yShift - xShift - 63 + cut + fractionBits + exponentBias
	return math.Float64frombits(uint64(exponent)<<fractionBits + significand - 1<<fractionBits) //nolint:gosec // the exponent is near the bias
}

// scanNumber reads a number by the grammar of RFC 8259, section 6. The length is 0 when it breaks it.
func scanNumber(text []byte) (n jsonNumber, length int) {
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
	case i == start, text[start] == '0' && i > start+1: // none, or a zero before others
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

// take takes up the digits that begin at text[i], and returns where they end.
func (n *jsonNumber) take(text []byte, i int) int {
	mantissa, start := n.mantissa, i
	for ; i < len(text); i++ {
		d := text[i] - '0'
		if d > 9 {
			break
		}
		mantissa = mantissa*10 + uint64(d)
	}
	n.mantissa, n.digits = mantissa, n.digits+i-start
	return i
}

// scanExponent reads what follows the e, from text[i] on.
func (n *jsonNumber) scanExponent(text []byte, i int) (jsonNumber, int) {
	negative := false
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		negative = text[i] == '-'
		i++
	}
	start, exponent := i, 0
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

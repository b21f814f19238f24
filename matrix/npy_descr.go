package matrix

import (
	"fmt"
	"strconv"
	"strings"
)

// npyElement is the type of the elements in a .npy file.
type npyElement struct {
	kind      byte // 'f' float, 'i' signed integer, 'u' unsigned integer
	size      int  // bytes
	bigEndian bool
	dtype     DType // what the elements become
}

// String returns the name as in NumPy: "uint16".
func (e npyElement) String() string {
	return map[byte]string{'f': "float", 'i': "int", 'u': "uint"}[e.kind] + strconv.Itoa(8*e.size)
}

// parseNPYDescr parses an element type as in NumPy's array protocol: byte order, kind, bytes. "<" is little endian, ">"
// big endian, "=" and none native, "|" for what has no byte order. Native means little endian: nobody else is left.
func parseNPYDescr(descr string) (npyElement, error) {
	code := descr
	if code != "" && strings.IndexByte("<>=|", code[0]) >= 0 {
		code = code[1:]
	}
	if code == "" {
		return npyElement{}, fmt.Errorf("%w: .npy header: dtype %q", ErrMalformed, descr)
	}
	var e npyElement
	switch code {
	case "f8":
		e = npyElement{kind: 'f', size: 8, dtype: Float64}
	case "f4":
		e = npyElement{kind: 'f', size: 4, dtype: Float32}
	case "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8":
		e = npyElement{kind: code[0], size: int(code[1] - '0'), dtype: Float64}
	default:
		what, todo := describeNPYKind(code)
		return npyElement{}, fmt.Errorf("%w: dtype %s%s, %s", ErrUnsupported, quoteShort(descr), what, todo)
	}
	e.bigEndian = descr[0] == '>' && e.size > 1
	return e, nil
}

// describeNPYKind says what an element type is that cannot be multiplied, as far as that is known, and what to do.
func describeNPYKind(code string) (what, todo string) {
	const convert = "convert the array: a.astype(np.float64)"
	switch code[0] {
	case 'b', '?':
		return " (bool)", convert
	case 'c':
		return " (complex)", "send the real and the imaginary part, each as an array of its own: a.real, a.imag"
	case 'f':
		return " (float of another width)", convert
	case 'O':
		return " (Python objects)", convert
	case 'S', 'a', 'U':
		return " (text)", convert
	case 'm', 'M':
		return " (times)", convert
	case 'V':
		return " (raw bytes)", "save the array with a numeric dtype"
	}
	return "", convert
}

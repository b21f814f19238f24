package npy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/matrix"
)

// element is the type of the elements in a .npy file.
type element struct {
	kind      byte // 'f' float, 'i' signed integer, 'u' unsigned integer
	size      int  // bytes
	bigEndian bool
	dtype     matrix.DType // the type that Reader converts the elements to
}

// String returns NumPy's name of the type, such as "uint16".
func (e element) String() string {
	name := "float"
	switch e.kind {
	case 'i':
		name = "int"
	case 'u':
		name = "uint"
	}
	return name + strconv.Itoa(8*e.size)
}

// parseDescr parses an element type in the notation of NumPy's array protocol: byte order, kind, bytes. The byte order
// is "<" for little endian, ">" for big endian, "|" for types that have none, and "=" or nothing for the native one.
// Native is read as little endian, the byte order of current platforms.
func parseDescr(descr string) (element, error) {
	code := descr
	if code != "" && strings.IndexByte("<>=|", code[0]) >= 0 {
		code = code[1:]
	}
	if code == "" {
		return element{}, fmt.Errorf("%w: .npy header: dtype %q", matrix.ErrMalformed, descr)
	}
	var e element
	switch code {
	case "f8":
		e = element{
			kind:  'f',
			size:  8,
			dtype: matrix.Float64,
		}
	case "f4":
		e = element{
			kind:  'f',
			size:  4,
			dtype: matrix.Float32,
		}
	case "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8":
		e = element{
			kind:  code[0],
			size:  int(code[1] - '0'),
			dtype: matrix.Float64,
		}
	default:
		what, todo := describeKind(code)
		return element{}, fmt.Errorf("%w: dtype %s%s, %s", matrix.ErrUnsupported, quoteShort(descr), what, todo)
	}
	e.bigEndian = descr[0] == '>' && e.size > 1
	return e, nil
}

// describeKind returns the name of an element type that cannot be multiplied, if it is known, and advice to the user.
func describeKind(code string) (what, todo string) {
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

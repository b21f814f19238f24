package npy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/matrix"
)

// element is the type of the elements in a .npy file.
type element struct {
	kind      byte // 'f' float, 'i' signed integer, 'u' unsigned integer, 'b' bool
	size      int  // bytes
	bigEndian bool
	dtype     matrix.DType // the type that Reader converts the elements to
}

// String returns NumPy's name of the type, such as "uint16".
func (e element) String() string { return typeName(string(e.kind) + strconv.Itoa(e.size)) }

// elements are the types that are read, by their codes in NumPy's array protocol: kind and bytes.
var elements = map[string]element{
	"f8": newElement('f', 8, matrix.Float64),
	"f4": newElement('f', 4, matrix.Float32),
	"i1": newElement('i', 1, matrix.Float64),
	"i2": newElement('i', 2, matrix.Float64),
	"i4": newElement('i', 4, matrix.Float64),
	"i8": newElement('i', 8, matrix.Float64),
	"u1": newElement('u', 1, matrix.Float64),
	"u2": newElement('u', 2, matrix.Float64),
	"u4": newElement('u', 4, matrix.Float64),
	"u8": newElement('u', 8, matrix.Float64),
	"b1": newElement('b', 1, matrix.Float64),
}

func newElement(kind byte, size int, dtype matrix.DType) element {
	return element{
		kind:  kind,
		size:  size,
		dtype: dtype,
	}
}

// parseDescr parses an element type as np.dtype reads it: a name such as "float64", or a byte order and a code such
// as "<f8" or "d". The byte order is "<" for little endian, ">" for big endian, "|" for types that have none, and "="
// or nothing for the native one. Native is read as little endian, the byte order of current platforms, and types
// whose size depends on the platform have the size that they have on 64-bit Linux.
func parseDescr(descr string) (element, error) {
	code, big, err := parseCode(descr)
	if err != nil {
		return element{}, err
	}
	e, ok := elements[code]
	e.bigEndian = big && e.size > 1
	if !ok {
		what, todo := describeCode(code)
		if what != "" && big && strings.IndexByte("cfgmMU", code[0]) >= 0 {
			what = "big-endian " + what
		}
		if what != "" {
			what = " (" + what + ")"
		}
		return element{}, fmt.Errorf("%w: dtype %s%s, %s", matrix.ErrUnsupported, quoteShort(descr), what, todo)
	}
	return e, nil
}

// parseCode returns the code of a type in the array protocol, or what is in its place if there is no such type.
func parseCode(descr string) (code string, big bool, err error) {
	if code, ok := typeNames[descr]; ok {
		return code, false, nil
	}
	code = descr
	if code != "" && strings.IndexByte("<>=|", code[0]) >= 0 {
		big = code[0] == '>'
		code = code[1:]
	}
	if code == "" {
		return "", false, fmt.Errorf("%w: .npy header: dtype %q", matrix.ErrMalformed, descr)
	}
	if c, ok := typeCharacters[code]; ok {
		code = c
	}
	return code, big, nil
}

// describeCode returns the name of an element type that cannot be multiplied, if it is known, and advice to the user.
func describeCode(code string) (name, todo string) {
	const convert = "convert the array: a.astype(np.float64)"
	switch name := typeName(code); {
	case name == "":
	case code[0] == 'c':
		return name, "send the real and the imaginary part, each as an array of its own: a.real, a.imag"
	case code[0] == 'V':
		return name, "save the array with a numeric dtype"
	default:
		return name, convert
	}
	if strings.ContainsAny(code, ",()") {
		return "structured", "send one field as an array of its own: a['field']"
	}
	return "", convert
}

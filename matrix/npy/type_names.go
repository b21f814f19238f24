package npy

import (
	"strconv"
	"strings"
)

// typeNames are the names that np.dtype reads, with the codes of their types. No byte order may precede them.
var typeNames = map[string]string{
	"float64":     "f8",
	"double":      "f8",
	"float":       "f8",
	"float_":      "f8",
	"float32":     "f4",
	"single":      "f4",
	"bool":        "b1",
	"bool_":       "b1",
	"bool8":       "b1",
	"int8":        "i1",
	"byte":        "i1",
	"int16":       "i2",
	"short":       "i2",
	"int32":       "i4",
	"intc":        "i4",
	"int64":       "i8",
	"longlong":    "i8",
	"long":        "i8",
	"int":         "i8",
	"int_":        "i8",
	"intp":        "i8",
	"uint8":       "u1",
	"ubyte":       "u1",
	"uint16":      "u2",
	"ushort":      "u2",
	"uint32":      "u4",
	"uintc":       "u4",
	"uint64":      "u8",
	"ulonglong":   "u8",
	"ulong":       "u8",
	"uint":        "u8",
	"uintp":       "u8",
	"float16":     "f2",
	"half":        "f2",
	"float128":    "f16",
	"longdouble":  "f16",
	"longfloat":   "f16",
	"complex64":   "c8",
	"csingle":     "c8",
	"complex128":  "c16",
	"complex":     "c16",
	"complex_":    "c16",
	"cfloat":      "c16",
	"cdouble":     "c16",
	"complex256":  "c32",
	"clongdouble": "c32",
	"object":      "O",
	"object_":     "O",
	"str":         "U0",
	"bytes":       "S0",
	"void":        "V0",
	"datetime64":  "M8",
	"timedelta64": "m8",
}

// typeCharacters are the types of one character. A byte order may precede them.
var typeCharacters = map[string]string{
	"d": "f8",
	"f": "f4",
	"?": "b1",
	"b": "i1",
	"h": "i2",
	"i": "i4",
	"l": "i8",
	"q": "i8",
	"p": "i8",
	"B": "u1",
	"H": "u2",
	"I": "u4",
	"L": "u8",
	"Q": "u8",
	"P": "u8",
	"e": "f2",
	"g": "f16",
	"F": "c8",
	"D": "c16",
	"G": "c32",
	"S": "S0",
	"a": "S0",
	"U": "U0",
	"V": "V0",
	"M": "M8",
	"m": "m8",
}

// widths are the kinds of numbers, with the widths in bytes that there are on some platform.
var widths = map[byte]struct{ name, bytes string }{
	'f': {"float", " 2 4 8 12 16 "},
	'c': {"complex", " 8 16 24 32 "},
	'i': {"int", " 1 2 4 8 "},
	'u': {"uint", " 1 2 4 8 "},
}

// typeName returns NumPy's name of the type of a code, such as "uint16" for "u2"; of types that are not numbers what
// they hold; "" if there is no such type.
func typeName(code string) string {
	kind, size := code[0], code[1:]
	if w, ok := widths[kind]; ok && size != "" && strings.Contains(w.bytes, " "+size+" ") {
		n, _ := strconv.Atoi(size) // one of the widths
		return w.name + strconv.Itoa(8*n)
	}
	unit, isTime := strings.CutPrefix(size, "8")
	_, err := strconv.ParseUint(size, 10, 31)
	switch {
	case code == "b1":
		return "bool"
	case kind == 'O' && (size == "" || size == "8"):
		return "Python objects"
	case (kind == 'S' || kind == 'a' || kind == 'U') && err == nil:
		return "text"
	case kind == 'V' && err == nil:
		return "raw bytes"
	case kind == 'M' && isTime:
		return "datetime64" + unit
	case kind == 'm' && isTime:
		return "timedelta64" + unit
	}
	return ""
}

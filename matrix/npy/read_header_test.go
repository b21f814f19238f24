package npy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/millrace/millrace/matrix"
)

func TestParseDict(t *testing.T) {
	t.Parallel()
	want := dict{
		descr:   "<f8",
		fortran: true,
		shape:   []int64{3, 4},
	}
	for _, text := range []string{
		"{'descr': '<f8', 'fortran_order': True, 'shape': (3, 4), }",
		"{'descr': '<f8', 'fortran_order': True, 'shape': (3, 4)}",
		"{'shape': (3, 4), 'fortran_order': True, 'descr': '<f8'}",
		`{"fortran_order":True,"shape":(3,4),"descr":"<f8"}`,
		"{'descr': '<f8', 'fortran_order': True, 'shape': (3L, 4L), }",
		" \t\n{ 'descr'\n: '<f8' ,\r'fortran_order':\fTrue , 'shape': ( 3 , 4 , ) , } \n\n",
	} {
		got, err := parseDict(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("parseDict(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestParseDictMalformed(t *testing.T) {
	t.Parallel()
	const rest = "'fortran_order': False, 'shape': (3, 4)"
	for _, text := range []string{
		"", " ", "\x00", "{", "}", "{}", "{,}", "[]", "()", "None", "{'descr'", "{'descr'}", "{'descr':}", "{'descr' '<f8'}",
		"{'descr': '<f8'}", "{'descr': '<f8', }", "{'shape': (3, 4)}", "{" + rest + "}",
		"{'descr': '<f8', " + rest, "{'descr': '<f8', " + rest + "}}", "{'descr': '<f8', " + rest + "} x",
		"{'descr': '<f8', " + rest + "}\x00", "{'descr': '<f8', " + rest + "}{}", "{'descr': '<f8' " + rest + "}",
		"{'descr': '<f8',, " + rest + "}", "{'descr': '<f8', " + rest + ",,}", "{, 'descr': '<f8', " + rest + "}",
		"{'descr': '<f8', 'descr': '<f8', " + rest + "}", "{'descr': '<f8', 'extra': 1, " + rest + "}",
		"{'descr': '<f8', '" + strings.Repeat("x", 1000) + "': 1, " + rest + "}",
		"{descr: '<f8', " + rest + "}", "{'descr: '<f8', " + rest + "}", "{'descr': <f8, " + rest + "}",
		"{'descr': '<f8, " + rest + "}", "{'descr': '<f8\", " + rest + "}", "{'descr': '\\x3cf8', " + rest + "}",
		"{'descr': '<f8\n', " + rest + "}", "{'descr': None, " + rest + "}", "{'descr': 8, " + rest + "}",
		"{'descr': b'<f8', " + rest + "}", "{'descr': '<f' '8', " + rest + "}", "{'descr': {}, " + rest + "}",
		"{'descr': '<f8', 'shape': (3, 4), 'fortran_order': True", "{'descr': '', " + rest + "}", "{'descr': '<', " + rest + "}",
	} {
		checkHeaderError(t, text, matrix.ErrMalformed)
	}
	for _, value := range []string{"", "true", "TRUE", "Truee", "True1", "0", "1", "None", "'True'", "not True"} {
		checkHeaderError(t, "{'descr': '<f8', 'fortran_order': "+value+", 'shape': (3, 4)}", matrix.ErrMalformed)
	}
	for _, value := range []string{
		"", "(", ")", "3", "3, 4", "(3", "(3, 4", "(3 4)", "(,)", "(3,,4)", "(, 3, 4)", "(3, 4,,)", "[3, 4]", "{3, 4}", "(3)",
		"(3.0, 4)", "(3e0, 4)", "(0x3, 4)", "(03, 4)", "(3_0, 4)", "(3l, 4)", "(3LL, 4)", "(L, 4)", "(+3, 4)", "(- , 4)",
		"('3', 4)", "(True, 4)", "(None, 4)", "(3, (4, 5))", "(3, 4L 5)", "(٣, 4)", "((3, 4))", "(3+1, 4)", "(--3, 4)",
	} {
		checkHeaderError(t, testHeader("<f8", "False", value), matrix.ErrMalformed)
	}
}

// checkHeaderError reads a file of each version with the given header. The message must be short even if the header is
// long.
func checkHeaderError(t *testing.T, text string, want error) {
	t.Helper()
	for version := byte(1); version <= 3; version++ {
		r, err := NewReader(bytes.NewReader(testNPY(version, text, nil)), 1<<40)
		if !errors.Is(err, want) || r != nil {
			t.Errorf("version %d, header %q: %v, want %v", version, text, err, want)
		} else if len(err.Error()) > 250 {
			t.Errorf("header %q: the message has %d bytes, want at most 250", text, len(err.Error()))
		}
	}
}

func TestUnsupportedDescr(t *testing.T) {
	t.Parallel()
	for descr, say := range map[string]string{
		"|O": "object", "<c16": "(complex128), send the real", ">c8": "(big-endian complex64)", "complex": "(complex128)",
		">c16": "(big-endian complex128)", "<f2": "(float16), convert", ">f2": "(big-endian float16)", "e": "(float16)",
		"<f16": "(float128)", "<f12": "(float96)", "|S8": "text", "<U3": "text", "|a4": "text",
		"<M8[ns]": "(datetime64[ns])", ">m8[s]": "(big-endian timedelta64[s])", "|V16": "raw", "f8,f8": "a['field']",
		"(2,)f8": "structured", "<float64": "dtype", "Float64": "dtype", "<i3": "dtype", "<i16": "dtype", "<x8": "dtype", "<<f8": "dtype", "<f8 ": "dtype",
		"<f88": "dtype", "é8": "dtype",
	} {
		text := testHeader(descr, "False", "(3, 4)")
		checkHeaderError(t, text, matrix.ErrUnsupported)
		if _, err := newHeader(text, 0); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %v, want it to say %q", descr, err, say)
		}
	}
	for _, descr := range []string{"[('x', '<f8'), ('y', '<f8')]", "('<f8', (2,))", "[]"} {
		checkHeaderError(t, "{'descr': "+descr+", 'fortran_order': False, 'shape': (3, 4), }", matrix.ErrUnsupported)
	}
}

// TestDescr: types are known by each of their names.
func TestDescr(t *testing.T) {
	t.Parallel()
	for want, names := range map[string][]string{
		"float64 true":  {">f8", ">d"},
		"float64 false": {"float64", "f8", "d", "<f8", "=f8", "|f8", "double", "float", "<d"},
		"float32 false": {"float32", "f4", "f", "<f4", "=f4", "single"},
		"bool false":    {"bool", "?", "|b1", "b1", ">?", "bool_"},
		"int8 false":    {"b", "int8", ">i1"},
		"int64 false":   {"int64", "l", "q", "int", "<i8"},
		"uint16 true":   {">u2", ">H"},
	} {
		for _, name := range names {
			h, err := newHeader(testHeader(name, "False", "(3, 4)"), 0)
			if got := fmt.Sprint(h.element, " ", h.element.bigEndian); err != nil || got != want {
				t.Errorf("%s is %s, %v, want %s", name, got, err, want)
			}
			dtype, err := matrix.ParseDType(name)
			if parsed := err == nil; parsed != (h.element.kind == 'f' && !h.element.bigEndian) || parsed && dtype != h.Shape.DType {
				t.Errorf("ParseDType(%q) = %s, %v, want the same as in a header", name, dtype, err)
			}
		}
	}
}

func TestShapeErrors(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("9", 1000)
	for want, shapes := range map[error][]string{
		matrix.ErrUnsupported: {"()", "(5,)", "(2, 3, 4)", "(1, 2, 3, 4, )", "(" + strings.Repeat("1, ", 2000) + ")"},
		matrix.ErrShape:       {"(-1, 3)", "(3, -1)", "(-0, 3)", "(-" + digits + ", 3)"},
		matrix.ErrTooLarge: {
			"(9223372036854775808, 0)", "(" + digits + ", 1)", "(3, " + digits + "L)", "(1152921504606846976, 1)",
			"(9223372036854775807, 9223372036854775807)", "(4294967296, 4294967296)", "(1048576, 131073)",
		},
	} {
		for _, shape := range shapes {
			checkHeaderError(t, testHeader("<f8", "False", shape), want)
		}
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	for descr, limit := range map[string]int64{"<f8": 96, "<f4": 48, "|i1": 96} {
		file := testNPY(1, testHeader(descr, "False", "(3, 4)"), nil)
		if _, err := NewReader(bytes.NewReader(file), limit); err != nil {
			t.Errorf("%s, limit %d: %v, want no error", descr, limit, err)
		}
		if _, err := NewReader(bytes.NewReader(file), limit-1); !errors.Is(err, matrix.ErrTooLarge) {
			t.Errorf("%s, limit %d: %v, want %v", descr, limit-1, err, matrix.ErrTooLarge)
		}
	}
	for _, shape := range []string{"(9223372036854775807, 0)", "(0, 9223372036854775807)"} {
		if _, err := newHeader(testHeader("<f8", "False", shape), 1); err != nil {
			t.Errorf("%s: %v, want no error", shape, err)
		}
	}
}

func TestOtherFormats(t *testing.T) {
	t.Parallel()
	for start, say := range map[string]string{
		"": "empty", "PK\x03\x04\x14\x00\x00\x00\x00": "npz",
		"\x1f\x8b\x08": "gzip", "\x89HDF\r\n\x1a\n": "HDF5",
		`{"values": [[1]]}`: "JSON", "[[1]]": "JSON", "1,2\n3,4\n": "not a .npy",
		"\x93": "ends within", "\x93NUMPX\x01\x00": "not a .npy",
		"\x93NUMPY": "ends within", "\x93NUMPY\x01\x00": "ends within", "\x93NUMPY\x01\x00\x10": "ends within",
		"\x93NUMPY\x02\x00\xff\xff\xff\xff": "4294967295", "\x93NUMPY\x03\x00\x01\x00\x01\x00": "65537",
		"\x93NUMPY\x01\x00\x00\x00": "'{'",
	} {
		_, err := NewReader(strings.NewReader(start), 0)
		if !errors.Is(err, matrix.ErrMalformed) || !strings.Contains(err.Error(), say) {
			t.Errorf("%q: %v, want it to say %q", start, err, say)
		}
	}
	for _, version := range []string{"\x00\x00", "\x04\x00", "\x01\x01", "\xff\xff"} {
		_, err := NewReader(strings.NewReader(magic+version+"\x10\x00\x00\x00"), 0)
		if !errors.Is(err, matrix.ErrUnsupported) {
			t.Errorf("version %q: %v, want %v", version, err, matrix.ErrUnsupported)
		}
	}
}

// TestHeaderSourceError: an error of the source is not ErrMalformed: a client whose connection breaks has not sent a
// malformed matrix.
func TestHeaderSourceError(t *testing.T) {
	t.Parallel()
	failure := errors.New("connection reset")
	file := testNPY(1, testHeader("<f8", "False", "(1, 1)"), make([]byte, 8))
	for n := range len(file) + 1 {
		src := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(failure))
		r, err := NewReader(src, 0)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, failure) || errors.Is(err, matrix.ErrMalformed) {
			t.Errorf("failure after %d bytes: %v, want %v", n, err, failure)
		}
	}
}

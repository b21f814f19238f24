package handlers_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/store"
)

// badFile is a .npy file with the status and a part of the detail that the response to it must have.
type badFile struct {
	name   string
	file   []byte
	status int
	says   string
}

func badFiles() []badFile {
	eight := make([]byte, 8)
	good := someElements(2, 3).npy()
	header := func(text string) []byte { return npyWithHeader(text, eight) }
	return []badFile{
		{"empty", nil, bad, "empty"},
		{"JSON", []byte("[[1]]"), bad, "looks like JSON"},
		{"zip", []byte("PK\x03\x04 and so on"), bad, "npz"},
		{"gzip", []byte("\x1f\x8b and so on"), bad, "gzip"},
		{"text", []byte("1 2\n3 4\n"), bad, "not a .npy file"},
		{"version 9", append([]byte("\x93NUMPY\x09\x00"), good[8:]...), invalid, "version 9.0"},
		{"version 0", append([]byte("\x93NUMPY\x00\x00"), good[8:]...), invalid, "version 0.0"},
		{"objects", npyFile("|O", "False", "(1, 1)", eight), invalid, "Python objects"},
		{"structured", header("{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (1, 1), }"), invalid, "structured"},
		{"complex", npyFile("<c16", "False", "(1, 1)", append(eight, eight...)), invalid, "complex"},
		{"complex64", npyFile("<c8", "False", "(1, 1)", eight), invalid, "complex"},
		{"bytes", npyFile("|S8", "False", "(1, 1)", eight), invalid, "text"},
		{"text dtype", npyFile("<U2", "False", "(1, 1)", eight), invalid, "text"},
		{"times", npyFile("<M8[ns]", "False", "(1, 1)", eight), invalid, "datetime64[ns]"},
		{"void", npyFile("|V8", "False", "(1, 1)", eight), invalid, "raw bytes"},
		{"float16", npyFile("<f2", "False", "(1, 4)", eight), invalid, "float16"},
		{"longdouble", npyFile("<f16", "False", "(1, 1)", append(eight, eight...)), invalid, "float128"},
		{"int128", npyFile("<i16", "False", "(1, 1)", append(eight, eight...)), invalid, "dtype"},
		{"nonsense dtype", npyFile("<q9", "False", "(1, 1)", eight), invalid, "dtype"},
		{"no dtype", npyFile("", "False", "(1, 1)", eight), bad, "dtype"},
		{"0-D", npyFile("<f8", "False", "()", eight), invalid, "0-dimensional"},
		{"1-D", npyFile("<f8", "False", "(1,)", eight), invalid, "1-dimensional"},
		{"3-D", npyFile("<f8", "False", "(1, 1, 1)", eight), invalid, "3-dimensional"},
		{"not a tuple", npyFile("<f8", "False", "(1)", eight), bad, "not a tuple"},
		{"negative rows", npyFile("<f8", "False", "(-1, 1)", eight), invalid, "must not be negative"},
		{"negative cols", npyFile("<f8", "False", "(1, -1)", eight), invalid, "must not be negative"},
		{"both negative", npyFile("<f8", "False", "(-1, -1)", eight), invalid, "must not be negative"},
		{"float shape", npyFile("<f8", "False", "(1.0, 1)", eight), bad, "expected ','"},
		{"text shape", npyFile("<f8", "False", "('1', 1)", eight), bad, "an integer"},
		{"overflow", npyFile("<f8", "False", "(4294967296, 4294967296)", eight), tooMuch, "too large"},
		{"2^63", npyFile("<f8", "False", "(9223372036854775808, 1)", eight), tooMuch, "too large"},
		{"2^63 by 0", npyFile("<f8", "False", "(9223372036854775808, 0)", nil), tooMuch, "too large"},
		{"2^61", npyFile("<f8", "False", "(2305843009213693952, 1)", eight), tooMuch, "too large"},
		{"1e30", npyFile("<f8", "False", "(1000000000000000000000000000000, 1)", eight), tooMuch, "too large"},
		{"a thousand digits", npyFile("<f8", "False", "("+strings.Repeat("9", 1000)+", 1)", eight), tooMuch, "too large"},
		{"huge, small body", npyFile("<f8", "False", "(100000, 1000)", eight), tooMuch, "too large"},
		{"just too large", npyFile("<f8", "False", "(8388609, 1)", eight), tooMuch, "too large"},
		{"large, small body", npyFile("<f8", "False", "(1000, 1000)", eight), bad, "8000"},
		{"large Fortran, small body", npyFile("<f8", "True", "(1000, 1000)", eight), bad, "8000"},
		{"huge header", append([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), eight...), bad, "header of 4294967295 bytes"},
		{"long header", append([]byte("\x93NUMPY\x01\x00\xff\xff"), eight...), bad, "ends within the .npy header"},
		{"no header", append([]byte("\x93NUMPY\x01\x00\x00\x00"), eight...), bad, "expected '{'"},
		{"no dictionary", header("[1, 2]"), bad, "expected '{'"},
		{"no keys", header("{}"), bad, "missing"},
		{"no shape", header("{'descr': '<f8', 'fortran_order': False}"), bad, `\"shape\" is missing`},
		{"two shapes", header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), 'shape': (1, 1)}"), bad, "twice"},
		{"unknown key", header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), 'x': 1}"), bad, "unknown key"},
		{"code", header("{'descr': __import__('os'), 'fortran_order': False, 'shape': (1, 1)}"), bad, "expected a dtype"},
		{"order of 1", header("{'descr': '<f8', 'fortran_order': 1, 'shape': (1, 1)}"), bad, "True or False"},
		{"more text", header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)} x"), bad, "end of the header"},
		{"deep nesting", header(strings.Repeat("(", 50_000)), bad, "expected '{'"},
		{"not UTF-8", header("\xff\xfe\xfd"), bad, "expected '{'"},
		{"one byte more", append(good[:len(good):len(good)], 0), bad, ""},
		{"a file more", append(good[:len(good):len(good)], good...), bad, ""},
		{"int64 beyond 2^53", npyFile("<i8", "False", "(1, 1)", le64(1<<53+1)), invalid, "9007199254740993"},
		{"negative int64", npyFile(">i8", "False", "(1, 1)", be64(1<<63)), invalid, "-9223372036854775808"},
		{"uint64", npyFile("<u8", "False", "(1, 2)", append(le64(1), le64(1<<64-1)...)), invalid,
			"[0, 1] is the integer 18446744073709551615"},
		{"int64 after blocks", npyFile("<i8", "False", "(20000, 1)", afterZeros(1<<60)), invalid, "[19999, 0]"},
		{"int64 after columns", npyFile("<i8", "True", "(200, 100)", afterZeros(1<<60)), invalid, "[199, 99]"},
	}
}

func le64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// afterZeros returns 20,000 integers of 64 bits, of which the last is n and the others are 0.
func afterZeros(n uint64) []byte { return append(make([]byte, 19_999*8), le64(n)...) }

// truncatedFiles returns files that end too early: within the header, after it, within the content, in memory and in
// blocks.
func truncatedFiles() []badFile {
	var cases []badFile
	small := someElements(2, 3).npy()
	large := someElements(300, 100).npy()
	columns := someElements(300, 100).fortran()
	for _, n := range []int{1, 5, 6, 7, 8, 9, 10, 11, 60, 127, 128, 129, 135, 136, len(small) - 1} {
		cases = append(cases, badFile{fmt.Sprintf("cut at %d", n), small[:n], bad, "malformed"})
	}
	for _, n := range []int{128, 60_000, 66_000, 100_000, 200_000, len(large) - 8, len(large) - 1} {
		cases = append(cases, badFile{fmt.Sprintf("large cut at %d", n), large[:n], bad, "malformed"},
			badFile{fmt.Sprintf("columns cut at %d", n), columns[:min(n, len(columns)-1)], bad, "malformed"})
	}
	return cases
}

// chunked hides the length of a body.
func chunked(body []byte) io.Reader { return io.MultiReader(bytes.NewReader(body)) }

func TestBadNPY(t *testing.T) {
	t.Parallel()
	for _, files := range []bool{false, true} {
		b := setupWith(t, options{idle: true, files: files})
		good := someElements(300, 100).npy()
		for _, c := range append(badFiles(), truncatedFiles()...) {
			if files && len(c.file) <= store.MaxInline {
				continue // does not get as far as the block store
			}
			t.Run(fmt.Sprintf("%s %v", c.name, files), func(t *testing.T) {
				b.rejects(t, "/v1/matrices", npyType, bytes.NewReader(c.file), c.status, c.says)
				b.rejects(t, "/v1/matrices", npyType, chunked(c.file), c.status, c.says)
				for _, parts := range [][]part{
					{{"a", good}, {"b", c.file}},
					{{"b", good}, {"priority", []byte("1")}, {"a", c.file}},
					{{"a", c.file}, {"b", good}},
				} {
					contentType, body := form(t, parts...)
					b.rejects(t, "/v1/multiplications", contentType, chunked(body), c.status, c.says, "part ")
				}
			})
		}
	}
}

func TestBadForms(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	large, small := someElements(300, 100).npy(), someElements(1, 1).npy()
	one := part{"priority", []byte("1")}
	for name, c := range map[string]struct {
		parts  []part
		status int
		says   string
	}{
		"no parts":           {nil, invalid, "required"},
		"no b":               {[]part{{"a", large}}, invalid, "required"},
		"no a":               {[]part{{"b", large}, {"priority", []byte("1")}}, invalid, "required"},
		"two a":              {[]part{{"a", large}, {"a", large}, {"b", large}}, invalid, `two parts \"a\"`},
		"two b":              {[]part{{"a", small}, {"b", large}, {"b", small}}, invalid, `two parts \"b\"`},
		"two priorities":     {[]part{{"a", small}, one, {"b", small}, one}, invalid, "two parts"},
		"unknown":            {[]part{{"a", large}, {"c", large}}, invalid, `no part \"c\"`},
		"capitals":           {[]part{{"A", small}, {"B", small}}, invalid, `no part \"A\"`},
		"no name":            {[]part{{"", small}}, invalid, "no part"},
		"long name":          {[]part{{strings.Repeat("x", 5000), small}}, invalid, "no part"},
		"shapes":             {[]part{{"a", large}, {"b", large}}, invalid, "the columns of a must equal the rows of b"},
		"priority 0":         {[]part{{"a", large}, {"priority", []byte("0")}}, invalid, "from 1 to 4"},
		"priority 5":         {[]part{{"priority", []byte("5")}}, invalid, "from 1 to 4"},
		"priority 1.5":       {[]part{{"priority", []byte("1.5")}}, invalid, "1.5"},
		"priority high":      {[]part{{"priority", []byte("high")}}, invalid, "high"},
		"priority empty":     {[]part{{"priority", nil}}, invalid, "from 1 to 4"},
		"priority very long": {[]part{{"priority", bytes.Repeat([]byte("1"), 1<<20)}}, invalid, "from 1 to 4"},
		"values in a part":   {[]part{{"a", []byte("[[1]]")}, {"b", small}}, bad, "looks like JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			contentType, body := form(t, c.parts...)
			b.rejects(t, "/v1/multiplications", contentType, bytes.NewReader(body), c.status, c.says)
		})
	}
	contentType, body := form(t, part{"a", large}, part{"b", someElements(100, 1).npy()})
	t.Run("no boundary", func(t *testing.T) {
		b.rejects(t, "/v1/multiplications", "multipart/form-data", bytes.NewReader(body), bad, "boundary")
		b.rejects(t, "/v1/multiplications", "multipart/form-data; boundary=", bytes.NewReader(body), bad,
			"boundary")
	})
	t.Run("another boundary", func(t *testing.T) {
		b.rejects(t, "/v1/multiplications", "multipart/form-data; boundary=x", bytes.NewReader(body), bad, "multipart")
	})
	t.Run("not multipart", func(t *testing.T) {
		b.rejects(t, "/v1/multiplications", contentType, strings.NewReader(`{"a": 1}`), bad, "multipart")
		b.rejects(t, "/v1/multiplications", contentType, strings.NewReader(""), bad, "multipart")
	})
	t.Run("truncated", func(t *testing.T) {
		for n := 1; n < len(body); n += 1 + n/8 {
			b.rejects(t, "/v1/multiplications", contentType, bytes.NewReader(body[:n]), any4xx)
			b.rejects(t, "/v1/multiplications", contentType, chunked(body[:n]), any4xx)
		}
		for n := len(body) - 5; n > len(body)-80; n -= 7 { // within the last boundary
			b.rejects(t, "/v1/multiplications", contentType, bytes.NewReader(body[:n]), bad)
		}
	})
	b.post(t, "/v1/multiplications", contentType, body).want(t, http.StatusAccepted)
}

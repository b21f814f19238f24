package jsonrows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/millrace/millrace/matrix"
)

// readRows reads a text that is one matrix, and returns its elements, little-endian, and its shape.
func readRows(r io.Reader, maxBytes int64) (content []byte, shape matrix.Shape, err error) {
	d := NewDecoder(r)
	rows, err := d.Rows("the text", maxBytes)
	if err != nil {
		return nil, shape, err
	}
	for {
		row, err := rows.Read()
		if err == io.EOF { //nolint:errorlint // a RowReader's EOF is never wrapped
			return content, rows.Shape(), d.End()
		}
		if err != nil {
			return nil, shape, err
		}
		content = append(content, matrix.AsBytes(row)...)
	}
}

// rowsOf is what readRows should return.
func rowsOf(text []byte) (content []byte, shape matrix.Shape, ok bool) {
	var rows [][]float64
	isArray := bytes.HasPrefix(bytes.TrimSpace(text), []byte("["))
	if !isArray || bytes.Contains(text, []byte("null")) || json.Unmarshal(text, &rows) != nil {
		return nil, shape, false
	}
	shape = matrix.Shape{Rows: int64(len(rows)), DType: matrix.Float64}
	for i, row := range rows {
		if i > 0 && int64(len(row)) != shape.Cols {
			return nil, shape, false
		}
		shape.Cols = int64(len(row))
		content = append(content, matrix.AsBytes(row)...)
	}
	return content, shape, true
}

// TestRowsAgainstStandardLibrary reads good and spoilt texts, in pieces of all sizes.
func TestRowsAgainstStandardLibrary(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	const alphabet = "0123456789+-.eE,[] \n{}\":xntf\x00"
	good := 0
	for range 5_000 {
		text := someRows(random)
		for range random.IntN(3) {
			i := random.IntN(len(text))
			switch c := alphabet[random.IntN(len(alphabet))]; random.IntN(3) {
			case 0:
				text[i] = c
			case 1:
				text = append(text[:i], text[i+1:]...)
			case 2:
				text = append(text[:i], append([]byte{c}, text[i:]...)...)
			}
			if len(text) == 0 {
				text = []byte(" ")
			}
		}
		want, shape, ok := rowsOf(text)
		for name, r := range map[string]io.Reader{
			"whole": bytes.NewReader(text),
			"bytes": iotest.OneByteReader(bytes.NewReader(text)),
			"EOF":   iotest.DataErrReader(bytes.NewReader(text)),
		} {
			got, gotShape, err := readRows(r, 0)
			if (err == nil) != ok {
				t.Fatalf("%s: reading %q: error %v, want one: %t", name, text, err, !ok)
			}
			if ok && (gotShape != shape || !bytes.Equal(got, want)) {
				t.Fatalf("%s: reading %q: got %s %x, want %s %x", name, text, gotShape, got, shape, want)
			}
			if err != nil && !isOurs(err) {
				t.Fatalf("%s: reading %q: error %v, want one of matrix's", name, text, err)
			}
		}
		if ok {
			good++
		}
	}
	if good < 1000 {
		t.Errorf("%d of 5000 texts are good, want at least 1000", good)
	}
}

// isOurs reports whether an error is one that a faulty text should have.
func isOurs(err error) bool {
	return errors.Is(err, matrix.ErrMalformed) || errors.Is(err, matrix.ErrUnsupported) ||
		errors.Is(err, matrix.ErrShape) || errors.Is(err, ErrDuplicateName)
}

// someRows returns a small matrix as text.
func someRows(random *rand.Rand) []byte {
	rows, cols := random.IntN(4), random.IntN(4)
	space := func() string { return strings.Repeat(" \n\t\r"[random.IntN(4):][:1], random.IntN(2)) }
	text := "["
	for i := range rows {
		if i > 0 {
			text += "," + space()
		}
		text += "[" + space()
		for j := range cols {
			if j > 0 {
				text += space() + "," + space()
			}
			x := random.NormFloat64() * math.Pow10(random.IntN(40)-20)
			text += strconv.FormatFloat(x, "efg"[random.IntN(3)], random.IntN(20)-1, 64)
		}
		text += "]" + space()
	}
	return []byte(text + "]" + space())
}

// TestRowsAcrossBuffers reads numbers and white space that lie across the end of a buffer.
func TestRowsAcrossBuffers(t *testing.T) {
	t.Parallel()
	for _, fill := range []int{maxToken - 10, maxToken, 2*maxToken - 30} {
		for shift := range 30 {
			before := fill + shift
			text := []byte("[[" + strings.Repeat("1,", before/2) + strings.Repeat(" ", before%2) + "-123.456e-7, 0.25], [" +
				strings.Repeat("0,", before/2) + "1,2]]")
			want, _, _ := rowsOf(text)
			got, shape, err := readRows(bytes.NewReader(text), 0)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes before: got %s, %d bytes, error %v, want %d bytes", before, shape, len(got), err, len(want))
			}
		}
	}
}

// TestLongTokens: numbers and white space may have 64 KiB.
func TestLongTokens(t *testing.T) {
	t.Parallel()
	long := "0." + strings.Repeat("1", maxToken-10)
	for text, want := range map[string]error{
		"[[1, " + long + "]]":                              nil,
		"[[1, " + long + "11111111111]]":                   ErrLongToken,
		"[[1," + strings.Repeat(" ", maxToken) + "1]]":     nil,
		"[[1," + strings.Repeat(" ", maxToken+1) + "1]]":   ErrLongToken,
		"[[1]" + strings.Repeat(" ", maxToken+1) + "]":     ErrLongToken,
		strings.Repeat(" ", 2*maxToken) + "[[1]]":          ErrLongToken,
		"[[1]]" + strings.Repeat("\n", 2*maxToken):         ErrLongToken,
		`["` + strings.Repeat("x", 2*maxToken) + `", [1]]`: ErrLongToken,
	} {
		if _, _, err := readRows(strings.NewReader(text), 0); !errors.Is(err, want) {
			t.Errorf("reading %.20q…, %d bytes: error %v, want %v", text, len(text), err, want)
		}
	}
}

// TestLimits: a matrix, and each of its rows, has a largest size.
func TestLimits(t *testing.T) {
	t.Parallel()
	widest := strings.TrimSuffix(strings.Repeat("1,", MaxCols), ",")
	for _, c := range []struct {
		text     string
		maxBytes int64
		want     error
	}{
		{"[[1, 2], [3, 4]]", 32, nil},
		{"[[1, 2], [3, 4]]", 31, matrix.ErrTooLarge},
		{"[[1, 2]]", 15, matrix.ErrTooLarge},
		{"[[], [], []]", 1, nil},
		{"[[" + widest + "]]", 0, nil},
		{"[[" + widest + ",1]]", 0, matrix.ErrTooLarge},
	} {
		if _, _, err := readRows(strings.NewReader(c.text), c.maxBytes); !errors.Is(err, c.want) {
			t.Errorf("reading %.20q… with at most %d bytes: error %v, want %v", c.text, c.maxBytes, err, c.want)
		}
	}
}

// TestReaderFails: an error of the reader below is passed on as it is.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	want := errors.New("the connection is lost")
	const text = `{"values": [[1, 2.5], [3, 4]], "more": "text"}`
	for n := range len(text) {
		d := NewDecoder(io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(want)))
		_, err := d.ReadToken()
		for err == nil && d.PeekKind() != '[' {
			_, err = d.ReadToken()
		}
		if err == nil {
			err = skipRows(d)
		}
		for err == nil {
			_, err = d.ReadToken()
		}
		if !errors.Is(err, want) {
			t.Errorf("after %q: error %v, want %v", text[:n], err, want)
		}
	}
}

// skipRows reads an array of rows.
func skipRows(d *Decoder) error {
	rows, err := d.Rows("values", 0)
	for err == nil {
		_, err = rows.Read()
	}
	if err == io.EOF { //nolint:errorlint // a RowReader's EOF is never wrapped
		return nil
	}
	return err
}

// TestOffsets: messages say where in the text the fault is, although the tokens' decoder does not see the rows.
func TestOffsets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                                      "unexpected EOF after offset 0",
		`[[1, 2], [3 4]]`:                       "offset 12",
		`[[1, 2], [3, 4`:                        "unexpected EOF after offset 13",
		`[[1, 2], [3, 4]] x`:                    "offset 17",
		`[[1, 2], [3, 4]] []`:                   "something follows the value after offset 18",
		`{"values": [[1, 2], [3, x]]}`:          "offset 24",
		`{"values": [[1, 2], [3, 4]] "random"}`: "offset 28",
	} {
		d := NewDecoder(strings.NewReader(text))
		var err error
		if strings.HasPrefix(text, "{") {
			err = errors.Join(d.Skip(), d.Skip())
		}
		if err == nil {
			err = skipRows(d)
		}
		if err == nil && strings.HasPrefix(text, "{") {
			err = d.Skip()
		}
		if err == nil {
			err = d.End()
		}
		if !errors.Is(err, matrix.ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("reading %s: error %v, want matrix.ErrMalformed with %q", text, err, want)
		}
	}
}

// TestDuplicateName: names of members do not make the message long.
func TestDuplicateName(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("x", 10_000)
	d := NewDecoder(strings.NewReader(fmt.Sprintf(`{%q: 1, %q: 2}`, name, name)))
	var err error
	for err == nil {
		_, err = d.ReadToken()
	}
	if !errors.Is(err, ErrDuplicateName) || len(err.Error()) > 100 {
		t.Errorf("error %.200v, want ErrDuplicateName in at most 100 bytes", err)
	}
}

// TestByteOrderMark: a text may begin with the mark of UTF-8; that of UTF-16 is named.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	const mark = "\ufeff"
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader} {
		content, shape, err := readRows(wrap(strings.NewReader(mark+" [[1, 2]]")), 0)
		if err != nil || shape.Cols != 2 || !bytes.Equal(content, matrix.AsBytes([]float64{1, 2})) {
			t.Errorf("%s %x, %v, want 1×2", shape, content, err)
		}
		for text, say := range map[string]string{
			mark:              "unexpected EOF",
			mark + mark + "1": "invalid character",
			"\xef\xbb[[1]]":   "invalid character",
			"[[1]]" + mark:    "invalid character",
			"\xff\xfe[\x00":   "UTF-16 in place of UTF-8",
			"\xfe\xff\x00[":   "UTF-16 in place of UTF-8",
			mark + "[[1,]]":   "a bracket after a comma after offset 7",
		} {
			_, _, err := readRows(wrap(strings.NewReader(text)), 0)
			if !errors.As(err, new(SyntaxError)) || !strings.Contains(err.Error(), say) {
				t.Errorf("%q: %v, want a SyntaxError with %q", text, err, say)
			}
		}
	}
}

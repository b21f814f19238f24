package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// TestParseNumber compares with strconv, to the last bit.
func TestParseNumber(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	texts := []string{
		"0", "-0", "0.0", "-0.0", "0e5", "-0e-5", "1", "-1", "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740995",
		"18446744073709551615", "18446744073709551616", "9999999999999999999", "99999999999999999999", "0.1", "0.3", "1e22", "1e23", "1e-22", "1e-23",
		"123456789012345678e-22", "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623157e308", "1.7976931348623158e308",
		"1.7976931348623159e308", "1e308", "1e309", "-1e309", "1e-400", "1e99999999999999999999", "1e-99999999999999999999", "0e99999999999999999999",
		"0.500000000000000166533453693773481063544750213623046875", "3.518437208883201171875e13", "62.5364939768271845828", "0.000000000000000000000000001",
		"1" + strings.Repeat("0", 400), "0." + strings.Repeat("0", 400) + "1", "1E5", "1e+5", "1E-5", "1.5E+05", "1e0", "1e00000000000000000000001",
	}
	for range 20_000 {
		f := math.Float64frombits(random.Uint64())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		g := random.NormFloat64()
		texts = append(texts,
			strconv.FormatFloat(f, "eg"[random.IntN(2)], -1, 64),
			strconv.FormatFloat(g, 'f', random.IntN(22)-1, 64),
			strconv.FormatFloat(g, 'g', random.IntN(22)-1, 64),
			fmt.Sprintf("%d.%d", random.Uint64()>>random.IntN(64), random.Uint64()>>random.IntN(64)),
			fmt.Sprintf("%de%d", random.Int64()>>random.IntN(64), random.IntN(60)-30),
			halfway(random))
	}
	for _, text := range texts {
		want, wantErr := strconv.ParseFloat(text, 64)
		got, n, err := parseNumber([]byte(text + ","))
		if n != len(text) || math.Float64bits(got) != math.Float64bits(want) || (err != nil) != (wantErr != nil) {
			t.Errorf("%s is %v (%d of %d bytes), %v; want %v, %v", text, got, n, len(text), err, want, wantErr)
		}
	}
}

// halfway returns a decimal that lies exactly between two floats, or next to such a place.
func halfway(random *rand.Rand) string {
	f := float64(random.Uint64()>>11|1<<52) / float64(uint64(1)<<random.IntN(10))
	middle := new(big.Rat).SetFloat64(f)
	middle.Add(middle, new(big.Rat).SetFloat64(math.Nextafter(f, math.Inf(1))))
	middle.Quo(middle, big.NewRat(2, 1))
	digits := random.IntN(4) + 8
	return middle.FloatString(digits)
}

func TestQuotient(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		x, y := random.Uint64()>>random.IntN(64)|1, random.Uint64()>>random.IntN(64)|1
		if random.IntN(2) == 0 {
			y = powersOfTen[random.IntN(len(powersOfTen))]
		}
		want, _ := new(big.Rat).SetFrac(new(big.Int).SetUint64(x), new(big.Int).SetUint64(y)).Float64()
		if got := quotient(x, y); got != want {
			t.Fatalf("%d/%d is %v, want %v", x, y, got, want)
		}
	}
}

func TestNotANumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"-,", "01,", "-01,", "00,", "1.,", "1.e5,", ".5,", "1e,", "1e+,", "1e-,", "-.5,", "--1,", "e5,", ",", "x,"} {
		if f, n, err := parseNumber([]byte(text)); n != 0 || err != nil {
			t.Errorf("%s is %v (%d bytes), %v", text, f, n, err)
		}
	}
	for _, text := range []string{"", "-", "1", "12", "1.", "1.5", "1e", "1e+", "1e5", "0", "-0"} { // which may go on
		if f, n, err := parseNumber([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q is %v (%d bytes), %v", text, f, n, err)
		}
	}
}

// readRows reads a matrix as POST /v1/matrices does.
func readRows(r io.Reader) (store.Matrix, error) {
	o := &operands{store: store.Open(nil, nil, time.Hour)}
	operand, err := readMatrix(&StreamedBody{}, &received{Reader: r, kind: mediaJSON}, o)
	return operand.Matrix, err
}

// rowsOf is what readRows should return.
func rowsOf(text []byte) (content []byte, shape matrix.Shape, ok bool) {
	var rows [][]float64
	if json.Unmarshal(text, &rows) != nil || bytes.Contains(text, []byte("null")) || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
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
			"whole": bytes.NewReader(text), "bytes": iotest.OneByteReader(bytes.NewReader(text)), "EOF": iotest.DataErrReader(bytes.NewReader(text)),
		} {
			m, err := readRows(r)
			if (err == nil) != ok {
				t.Fatalf("%s: %q: %v", name, text, err)
			}
			if ok && (m.Shape() != shape || !bytes.Equal(m.Content, want)) {
				t.Fatalf("%s: %q is %s", name, text, m.Shape())
			}
			if err != nil && !errors.Is(err, errBadRequest) && !errors.Is(err, errInvalid) && !errors.Is(err, matrix.ErrShape) {
				t.Fatalf("%s: %q: %v", name, text, err)
			}
		}
		if ok {
			good++
		}
	}
	if good < 1000 {
		t.Errorf("only %d texts are good", good)
	}
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
			text += strconv.FormatFloat(random.NormFloat64()*math.Pow10(random.IntN(40)-20), "efg"[random.IntN(3)], random.IntN(20)-1, 64)
		}
		text += "]" + space()
	}
	return []byte(text + "]" + space())
}

// Numbers and white space that lie across the end of a buffer.
func TestRowsAcrossBuffers(t *testing.T) {
	t.Parallel()
	for _, fill := range []int{maxToken - 10, maxToken, 2*maxToken - 30} {
		for shift := range 30 {
			before := fill + shift
			text := []byte("[[" + strings.Repeat("1,", before/2) + strings.Repeat(" ", before%2) + "-123.456e-7, 0.25], [" + strings.Repeat("0,", before/2) + "1,2]]")
			want, _, _ := rowsOf(text)
			got := &bytes.Buffer{}
			j := newJSONReader(bytes.NewReader(text), nil)
			if err := j.begin("", '[', ""); err != nil {
				t.Fatal(err)
			}
			row, err := j.row(nil, "", 0)
			got.Write(row)
			if err == nil {
				_, err = j.more()
			}
			if err == nil {
				_, err = j.input.next()
			}
			if err == nil {
				row, err = j.row(nil, "", 1)
			}
			got.Write(row)
			if err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Fatalf("%d: %v, %d bytes, want %d", before, err, got.Len(), len(want))
			}
		}
	}
	long := "0." + strings.Repeat("1", maxToken-10)
	if m, err := readRows(strings.NewReader("[[1, " + long + "]]")); err != nil || m.Cols != 2 {
		t.Errorf("a long number: %v", err)
	}
	for _, text := range []string{"[[1, " + long + "11111111111]]", "[[1," + strings.Repeat(" ", maxToken+1) + "1]]"} {
		if _, err := readRows(strings.NewReader(text)); !errors.Is(err, errInvalid) || !strings.Contains(err.Error(), "longer than") {
			t.Errorf("got %v", err)
		}
	}
}

// Messages say where in the body the fault is, although the decoder does not see the rows.
func TestOffsets(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`[[1, 2], [3 4]]`:                       "offset 12",
		`[[1, 2], [3, 4]] x`:                    "offset 17",
		`{"values": [[1, 2], [3, x]]}`:          "offset 24",
		`{"values": [[1, 2], [3, 4]] "random"}`: "offset 28",
	} {
		if _, err := readRows(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", text, err, says)
		}
	}
}

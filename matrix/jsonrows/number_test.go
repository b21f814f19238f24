package jsonrows

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestParseNumber compares parseNumber with strconv, to the last bit.
func TestParseNumber(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	texts := []string{
		"0", "-0", "0.0", "-0.0", "0e5", "-0e-5", "1", "-1", "9007199254740991", "9007199254740992",
		"9007199254740993", "9007199254740995", "18446744073709551615", "18446744073709551616",
		"9999999999999999999", "99999999999999999999", "0.1", "0.3", "1e22", "1e23", "1e-22", "1e-23",
		"123456789012345678e-22", "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
		"1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e308", "1e309", "-1e309",
		"1e-400", "1e99999999999999999999", "1e-99999999999999999999", "0e99999999999999999999",
		"0.500000000000000166533453693773481063544750213623046875", "3.518437208883201171875e13",
		"62.5364939768271845828", "0.000000000000000000000000001", "1" + strings.Repeat("0", 400),
		"0." + strings.Repeat("0", 400) + "1", "1E5", "1e+5", "1E-5", "1.5E+05", "1e0", "1e00000000000000000000001",
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
			t.Errorf("parseNumber(%q) = %v, %d, %v, want %v, %d, %v", text, got, n, err, want, len(text), wantErr)
		}
	}
}

// halfway returns a decimal that is exactly between two floats, or next to such a number.
func halfway(random *rand.Rand) string {
	f := float64(random.Uint64()>>11|1<<52) / float64(uint64(1)<<random.IntN(10))
	middle := new(big.Rat).SetFloat64(f)
	middle.Add(middle, new(big.Rat).SetFloat64(math.Nextafter(f, math.Inf(1))))
	middle.Quo(middle, big.NewRat(2, 1))
	digits := random.IntN(4) + 8
	return middle.FloatString(digits)
}

// TestQuotient compares quotient with exact arithmetic.
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
			t.Fatalf("quotient(%d, %d) = %v, want %v", x, y, got, want)
		}
	}
}

// TestNotANumber: what breaks the grammar has length 0, what may continue has the length of the text.
func TestNotANumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"-,", "01,", "-01,", "00,", "1.,", "1.e5,", ".5,", "1e,", "1e+,", "1e-,", "-.5,", "--1,", "e5,", ",", "x,",
	} {
		if f, n, err := parseNumber([]byte(text)); n != 0 || err != nil {
			t.Errorf("parseNumber(%q) = %v, %d, %v, want length 0 and no error", text, f, n, err)
		}
	}
	for _, text := range []string{"", "-", "1", "12", "1.", "1.5", "1e", "1e+", "1e5", "0", "-0"} { // each may continue
		if f, n, err := parseNumber([]byte(text)); n != len(text) || err != nil {
			t.Errorf("parseNumber(%q) = %v, %d, %v, want length %d and no error", text, f, n, err, len(text))
		}
	}
}

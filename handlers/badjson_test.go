package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const (
	bad     = http.StatusBadRequest
	invalid = http.StatusUnprocessableEntity
	tooMuch = http.StatusRequestEntityTooLarge
)

// badCase is a JSON text with the status and a part of the detail that the response to it must have.
type badCase struct {
	text   string
	status int
	says   string
}

// badBodies returns texts that are wrong for each route that takes JSON.
func badBodies() []badCase {
	return []badCase{
		{``, bad, "malformed JSON"},
		{" \n", bad, "malformed JSON"},
		{`null`, invalid, "it is null"},
		{`true`, invalid, "it is a boolean"},
		{`1`, invalid, "it is a number"},
		{`"x"`, invalid, "it is a string"},
		{`{}`, invalid, ""},
		{`{"c": 1}`, invalid, `no member \"c\"`},
		{`{"": 1}`, invalid, `no member \"\"`},
		{`{"` + strings.Repeat("x", 10_000) + `": 1}`, invalid, "no member"},
		{`{1: 2}`, bad, "malformed JSON"},
		{`{,}`, bad, "malformed JSON"},
		{`{'a': 1}`, bad, "malformed JSON"},
		{`nonsense`, bad, "malformed JSON"},
		{"\xff", bad, "malformed JSON"},
		{"{\"\xff\": 1}", bad, "UTF-8"},
		{"\ufeff{}", invalid, ""}, // a byte order mark
		{"\ufeff\ufeff{}", bad, "malformed JSON"},
		{`{"a\ud800": 1}`, bad, "malformed JSON"},
		{strings.Repeat(`{"a":`, 100_000), invalid, ""},
		{"// comment\n{}", bad, "malformed JSON"},
		{"\x93NUMPY", bad, "malformed JSON"},
	}
}

// badValues are wrong in the place of an array of rows.
var badValues = []badCase{
	{`null`, invalid, "must be an array of rows, it is null"},
	{`1`, invalid, "must be an array of rows, it is a number"},
	{`"[[1]]"`, invalid, "must be an array of rows, it is a string"},
	{`{}`, invalid, "must be an array of rows, it is an object"},
	{`[1]`, invalid, "[0] must be an array of numbers, it is a number"},
	{`[null]`, invalid, "[0] must be an array of numbers, it is null"},
	{`[[1], "x"]`, invalid, "[1] must be an array of numbers, it is a string"},
	{`[[1], {}]`, invalid, "[1] must be an array of numbers, it is an object"},
	{`[[null]]`, invalid, "[0][0] must be a number, it is null"},
	{`[["1"]]`, invalid, "[0][0] must be a number, it is a string"},
	{`[["NaN"]]`, invalid, "[0][0] must be a number, it is a string"},
	{`[[1, true]]`, invalid, "[0][1] must be a number, it is a boolean"},
	{`[[1], [{}]]`, invalid, "[1][0] must be a number, it is an object"},
	{`[[[1]]]`, invalid, "[0][0] must be a number, it is an array"},
	{`[[1, 2], [3]]`, invalid, "ragged rows"},
	{`[[1], [2, 3]]`, invalid, "ragged rows"},
	{`[[1], []]`, invalid, "ragged rows"},
	{`[[], [1]]`, invalid, "ragged rows"},
	{`[[1e999]]`, invalid, "1e999, which float64 cannot hold"},
	{`[[1], [-1e999]]`, invalid, "-1e999, which float64 cannot hold"},
	{`[[1` + strings.Repeat("0", 400) + `]]`, invalid, "which float64 cannot hold"},
	{`[[NaN]]`, bad, "malformed JSON"},
	{`[[Infinity]]`, bad, "malformed JSON"},
	{`[[-Infinity]]`, bad, "malformed JSON"},
	{`[[nan]]`, bad, "malformed JSON"},
	{`[[01]]`, bad, "malformed JSON"},
	{`[[+1]]`, bad, "malformed JSON"},
	{`[[.5]]`, bad, "malformed JSON"},
	{`[[1.]]`, bad, "malformed JSON"},
	{`[[1e]]`, bad, "malformed JSON"},
	{`[[-]]`, bad, "malformed JSON"},
	{`[[0x10]]`, bad, "malformed JSON"},
	{`[[1_000]]`, bad, "malformed JSON"},
	{`[[1 2]]`, bad, "malformed JSON"},
	{`[[1,]]`, bad, "malformed JSON"},
	{`[[,1]]`, bad, "malformed JSON"},
	{`[[1] [2]]`, bad, "malformed JSON"},
	{`[[1],]`, bad, "malformed JSON"},
	{`[[1]}`, bad, "malformed JSON"},
	{strings.Repeat("[", 100_000), invalid, "[0][0] must be a number, it is an array"},
}

// badOperands returns texts that are wrong in the place of an operand.
func badOperands() []badCase {
	cases := []badCase{
		{`null`, invalid, "must be an object such as {\\\"values\\\": [[1, 2], [3, 4]]}, it is null"},
		{`1`, invalid, "must be an object such as"},
		{`"x"`, invalid, "must be an object such as"},
		{`[]`, invalid, "[3, 4]]}, it is an array"},
		{`[[1]]`, invalid, "[3, 4]]}, it is an array"},
		{`{}`, invalid, "must have one of"},
		{`{"foo": 1}`, invalid, `no member \"foo\"`},
		{`{"Values": [[1]]}`, invalid, `no member \"Values\"`},
		{`{"values": [[1]], "values": [[1]]}`, invalid, "duplicate"},
		{`{"values": [[1]], "random": {"rows": 1, "cols": 1}}`, invalid, "exactly one"},
		{`{"values": [[1]], "foo": 1}`, invalid, "exactly one"},
		{`{"matrix_id": null}`, invalid, "matrix_id must be a string, it is null"},
		{`{"matrix_id": 1}`, invalid, "matrix_id must be a string"},
		{`{"matrix_id": {}}`, invalid, "matrix_id must be a string"},
		{`{"matrix_id": ""}`, invalid, "no matrix"},
		{`{"matrix_id": "x"}`, invalid, "no matrix"},
		{`{"matrix_id": "` + strings.Repeat("x", 5000) + `"}`, invalid, "no matrix"},
		{`{"matrix_id": "` + uuid.NewString() + `"}`, invalid, "no matrix"},
		{"{\"matrix_id\": \"\xff\"}", bad, "UTF-8"},
	}
	for _, c := range badValues {
		cases = append(cases, badCase{`{"values": ` + c.text + `}`, c.status, c.says})
	}
	for _, c := range badRandoms {
		cases = append(cases, badCase{`{"random": ` + c.text + `}`, c.status, c.says})
	}
	return cases
}

// badRandoms are wrong as descriptions of a random matrix.
var badRandoms = []badCase{
	{`null`, invalid, "random must be an object"},
	{`1`, invalid, "random must be an object"},
	{`"x"`, invalid, "random must be an object"},
	{`[]`, invalid, "random must be an object"},
	{`{}`, invalid, `must have \"rows\" and \"cols\"`},
	{`{"rows": 1}`, invalid, `must have \"rows\" and \"cols\"`},
	{`{"cols": 1, "seed": 1}`, invalid, `must have \"rows\" and \"cols\"`},
	{`{"rows": -1, "cols": 1}`, invalid, "random.rows must be a whole number"},
	{`{"rows": 1.5, "cols": 1}`, invalid, "it is 1.5"},
	{`{"rows": 1e30, "cols": 1}`, invalid, "it is 1e30"},
	{`{"rows": 1000000000000000000000000000000, "cols": 1}`, invalid, "random.rows must be a whole number"},
	{`{"rows": 9223372036854775808, "cols": 1}`, invalid, "random.rows must be a whole number"},
	{`{"rows": "2", "cols": 1}`, invalid, "random.rows must be a number, it is a string"},
	{`{"rows": null, "cols": 1}`, invalid, "random.rows must be a number, it is null"},
	{`{"rows": 1, "cols": -9223372036854775808}`, invalid, "random.cols must be a whole number"},
	{`{"rows": 1, "cols": []}`, invalid, "random.cols must be a number"},
	{`{"rows": 1, "cols": 1, "seed": -1}`, invalid, "random.seed must be a whole number"},
	{`{"rows": 1, "cols": 1, "seed": 0.5}`, invalid, "random.seed must be a whole number"},
	{`{"rows": 1, "cols": 1, "seed": 9223372036854775808}`, invalid, "random.seed must be a whole number"},
	{`{"rows": 1, "cols": 1, "seed": "x"}`, invalid, "random.seed must be a number"},
	{`{"rows": 1, "cols": 1, "seed": null}`, invalid, "random.seed must be a number"},
	{`{"rows": 1, "cols": 1, "dtype": 1}`, invalid, "random.dtype must be a string"},
	{`{"rows": 1, "cols": 1, "dtype": null}`, invalid, "random.dtype must be a string"},
	{`{"rows": 1, "cols": 1, "dtype": ""}`, invalid, "random.dtype must be"},
	{`{"rows": 1, "cols": 1, "dtype": "int8"}`, invalid, "int8"},
	{`{"rows": 1, "cols": 1, "dtype": "Float64"}`, invalid, "Float64"},
	{`{"rows": 1, "cols": 1, "foo": 1}`, invalid, `no member \"foo\"`},
	{`{"rows": 1, "rows": 1, "cols": 1}`, invalid, "duplicate"},
	{`{"rows": 4294967296, "cols": 4294967296}`, tooMuch, "too large"},
	{`{"rows": 9223372036854775807, "cols": 9223372036854775807}`, tooMuch, "too large"},
	{`{"rows": 1152921504606846975, "cols": 1}`, tooMuch, "too large"}, // with a header, more bytes than can be counted
}

// randoms returns a submission of a random m×k and a random k×n matrix.
func randoms(m, k, n int64) string {
	const random = `{"random": {"rows": %d, "cols": %d}}`
	return fmt.Sprintf(`{"a": `+random+`, "b": `+random+`}`, m, k, k, n)
}

func TestBadMultiplications(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	large := `{"values": ` + someElements(100, 100).json() + `}` // some of its blocks are stored before the fault
	reject := func(text string, c badCase) {
		t.Helper()
		b.rejects(t, "/v1/multiplications", jsonType, strings.NewReader(text), c.status, c.says)
	}
	for _, c := range badBodies() {
		reject(c.text, c)
	}
	for _, c := range badOperands() {
		reject(`{"a": `+c.text+`, "b": {"values": [[1]]}}`, c)
		reject(`{"a": {"values": [[1]]}, "b": `+c.text+`}`, c)
		reject(`{"priority": 1, "b": `+large+`, "a": `+c.text+`}`, c)
	}
	const one = `"a": {"values": [[1]]}, "b": {"values": [[1]]}`
	for text, says := range map[string]string{
		`null`:                 "it is null",
		`0`:                    "from 1 to 4",
		`5`:                    "from 1 to 4",
		`-1`:                   "from 1 to 4",
		`1.5`:                  "it is 1.5",
		`"2"`:                  "it is a string",
		`[]`:                   "it is an array",
		`true`:                 "it is a boolean",
		`1e30`:                 "from 1 to 4",
		`18446744073709551618`: "from 1 to 4",
	} {
		reject(`{`+one+`, "priority": `+text+`}`, badCase{"", invalid, says})
		reject(`{"priority": `+text+`, `+one+`}`, badCase{"", invalid, says})
	}
	for _, c := range []badCase{
		{`{"a": ` + large + `}`, invalid, "required"},
		{`{"b": ` + large + `, "priority": 1}`, invalid, "required"},
		{`{` + one + `, "c": 1}`, invalid, `no member \"c\"`},
		{`{` + one + `, "a": {"values": [[1]]}}`, invalid, "duplicate"},
		{`{` + one + `, "priority": 1, "priority": 1}`, invalid, "duplicate"},
		{`{` + one + `} x`, bad, "malformed JSON"},
		{`{` + one + `}{}`, bad, "something follows"},
		{`{` + one + `} null`, bad, "something follows"},
		{`{` + one + "}\x00", bad, "malformed JSON"},
		{`{` + one + `}` + strings.Repeat("[", 100_000), bad, ""},
		{`{` + one + `]`, bad, "malformed JSON"},
		{`{"a": ` + large + `, "b": {"values": [[1]]}}`, invalid, "the columns of a must equal the rows of b"},
		{`{"a": {"values": []}, "b": {"values": [[1]]}}`, invalid, "the columns of a must equal the rows of b"},
		{`{"a": {"random": {"rows": 1e-9, "cols": 1}}, "b": {"values": [[1]]}}`, invalid, "it is 1e-9"},
		{randoms(4294967296, 1, 4294967296), tooMuch, "a.random: matrix too large"},
		{randoms(1, 1, 1000000000), tooMuch, "b.random: matrix too large"},
		{randoms(8000000, 1, 8000000), tooMuch, "the result: matrix too large"},
	} {
		reject(c.text, c)
	}
}

func TestBadSimpleForm(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	reject := func(text string, c badCase) {
		t.Helper()
		b.rejects(t, "/matrix_multiplication/", jsonType, strings.NewReader(text), c.status, c.says)
	}
	for _, c := range badBodies() {
		reject(c.text, c)
	}
	large := someElements(100, 100).json()
	for _, c := range badValues {
		reject(`{"A": `+c.text+`, "B": [[1]]}`, c)
		reject(`{"A": `+large+`, "B": `+c.text+`}`, c)
	}
	for _, c := range []badCase{
		{`{"A": [[1]]}`, invalid, "required"},
		{`{"B": ` + large + `}`, invalid, "required"},
		{`{"a": [[1]], "b": [[1]]}`, invalid, `no member \"a\"`},
		{`{"A": [[1]], "B": [[1]], "priority": 1}`, invalid, `no member \"priority\"`},
		{`{"A": [[1]], "A": [[1]], "B": [[1]]}`, invalid, "duplicate"},
		{`{"A": [[1, 2]], "B": ` + large + `}`, invalid, "the columns of a must equal the rows of b"},
		{`{"A": [[1]], "B": [[1]]},`, bad, "malformed JSON"},
	} {
		reject(c.text, c)
	}
}

func TestBadMatrices(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, limits: testLimits})
	reject := func(text string, c badCase) {
		t.Helper()
		b.rejects(t, "/v1/matrices", jsonType, strings.NewReader(text), c.status, c.says)
	}
	for _, c := range append(badBodies(), badOperands()...) {
		if !strings.HasPrefix(c.text, "[") { // else it is an array of rows
			reject(c.text, c)
		}
	}
	for _, c := range badValues {
		if strings.HasPrefix(c.text, "[") {
			reject(c.text, c)
		}
	}
	large := someElements(100, 100)
	id := b.upload(t, large.npy()).ID
	reject(`{"matrix_id": "`+id+`"}`, badCase{"", invalid, "stored already"})
	reject(large.json()+"]", badCase{"", bad, "malformed JSON"})
	reject(large.json()+" [[1]]", badCase{"", bad, "something follows"})
	reject(`{"values": `+large.json()+`} 1`, badCase{"", bad, "something follows"})
}

// TestTruncatedJSON: every proper prefix of a body is malformed.
func TestTruncatedJSON(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for path, body := range map[string]string{
		"/matrix_multiplication/": `{"A": [[1,2],[3,4]], "B": [[5,6e1],[7,-8.5]]}`,
		"/v1/multiplications": `{"a": {"values": [[1,2]]}, "priority": 1,
			"b": {"random": {"rows": 2, "cols": 1, "seed": 1}}}`,
		"/v1/matrices": `[[1, 2.5], [3, 4e-2]]`,
	} {
		for n := range len(body) {
			b.rejects(t, path, jsonType, strings.NewReader(body[:n]), bad, "malformed JSON")
		}
	}
	large := `{"a": {"values": ` + someElements(100, 100).json() + `}, "b": {"values": [[1]]}}`
	for n := 10; n < len(large); n += 2500 {
		b.rejects(t, "/v1/multiplications", jsonType, strings.NewReader(large[:n]), bad, "malformed JSON")
	}
}

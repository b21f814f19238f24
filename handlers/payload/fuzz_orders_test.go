package payload

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// ofClients are the errors by which a text can be refused.
var ofClients = []error{
	ErrBadRequest, ErrInvalid, ErrTooLarge,
	matrix.ErrMalformed, matrix.ErrUnsupported, matrix.ErrShape, matrix.ErrTooLarge,
}

// checkRefusal fails the test if an error is none that a client can be told of.
func checkRefusal(t *testing.T, text string, err error) {
	t.Helper()
	known := func(known error) bool { return errors.Is(err, known) }
	if err != nil && !slices.ContainsFunc(ofClients, known) && !store.Unavailable(err) {
		t.Errorf("%q is refused by %v, want an error of the client", text, err)
	}
}

// checkOperand compares an operand with what package json reads, if that is numbers.
func checkOperand(t *testing.T, text string, o jobs.Operand, raw json.RawMessage) {
	t.Helper()
	var want [][]float64
	if json.Unmarshal(raw, &want) != nil {
		t.Fatalf("%q has the operand %q, which was accepted as numbers", text, raw)
	}
	if o.Matrix.Rows != int64(len(want)) {
		t.Fatalf("%q has an operand with %d rows, want %d", text, o.Matrix.Rows, len(want))
	}
	got := matrix.AsFloats[float64](o.Matrix.Content)
	flat := slices.Concat(want...)
	same := func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
	if !slices.EqualFunc(got, flat, same) {
		t.Errorf("%q has the elements %v, want %v", text, got, flat)
	}
}

// FuzzOrders reads arbitrary text as each form of JSON that routes take. It is accepted as package json reads it, or
// refused by an error of the client; and an order of a batch is accepted if it would be alone. The database is not
// there, so that a text that names a stored matrix is refused.
func FuzzOrders(f *testing.F) {
	for _, text := range []string{
		`{"A": [[1,2],[3,4]], "B": [[5,6],[7,8]]}`,
		`{"a": {"values": [[1, -2.5e3]]}, "priority": 4, "retention_seconds": 60,
			"b": {"random": {"rows": 2, "cols": 3, "seed": 1, "dtype": "float32"}}}`,
		`{"b": {"matrix_id": "01890a5d-ac96-774b-bcce-b302099a8057"}, "a": {"values": [[], []]}}`,
		`{"values": [[0.1], [1e-999]]}`,
		`{"random": {"rows": 9223372036854775807, "cols": 0}}`,
		`[[1], [2]]`,
		`[{"a": {"values": [[1]]}, "b": {"values": [[2]]}}, {"a": [], "priority": 0}]`,
		"{\"a\": {\"values\": [[1]]}, \"b\": {\"values\": [[-0]]}}\n\n{}\r\n",
		"{\"\xff\": [[[",
	} {
		f.Add(text)
	}
	pool, err := pgxpool.New(f.Context(), "postgres://127.0.0.1:1/nothing?sslmode=disable")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(pool.Close)
	own := store.Open(pool, nil, time.Hour).For(identity.DefaultTenant)
	f.Fuzz(func(t *testing.T, text string) {
		if o, err := ReadMatrix(t.Context(), bodyOf(resource.MediaJSON, text), NewIntake(own, 0)); err == nil {
			var members struct{ Values json.RawMessage }
			raw := json.RawMessage(text)
			if json.Unmarshal(raw, &members) == nil {
				raw = members.Values
			}
			if o.Matrix.Source == store.FromInline {
				checkOperand(t, text, o, raw)
			}
		} else {
			checkRefusal(t, text, err)
		}
		if s, err := ReadSimpleOrder(t.Context(), bodyOf(resource.MediaJSON, text), NewIntake(own, 0)); err == nil {
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(text), &members); err != nil {
				t.Fatalf("%q is accepted, but %v", text, err)
			}
			checkOperand(t, text, s.A, members["A"])
			checkOperand(t, text, s.B, members["B"])
		} else {
			checkRefusal(t, text, err)
		}
		checkBatch(t, own, text)
	})
}

// checkBatch reads a text as an order, as an array of orders, and as lines.
func checkBatch(t *testing.T, own store.Tenant, text string) {
	t.Helper()
	alone := func(text string) (jobs.Submission, error) {
		return ReadOrder(t.Context(), bodyOf(resource.MediaJSON, text), NewIntake(own, 0))
	}
	s, err := alone(text)
	checkRefusal(t, text, err)
	if err == nil && (s.Priority < jobs.MinPriority || s.Priority > jobs.MaxPriority) {
		t.Errorf("%q has the priority %d", text, s.Priority)
	}
	var elements []json.RawMessage
	array := json.Unmarshal([]byte(text), &elements) == nil
	for _, media := range []string{resource.MediaJSON, resource.MediaNDJSON} {
		body, err := Open(requestOf(media, text), true, media)
		if err != nil {
			t.Fatal(err)
		}
		orders := NewOrders(body, own, 0)
		refused := false // then what follows in its element is not looked at
		for i := 0; ; i++ {
			_, err := orders.Next(t.Context())
			end := errors.Is(err, io.EOF)
			var one OrderError
			if end && media == resource.MediaJSON && (array || !refused) && i != len(elements) {
				t.Errorf("%q is a batch of %d, want %d", text, i, len(elements))
			}
			if err != nil && !errors.As(err, &one) {
				if !end {
					checkRefusal(t, text, err)
				}
				break
			}
			refused = refused || err != nil
			if media != resource.MediaJSON || !array || i >= len(elements) {
				continue
			}
			if _, want := alone(string(elements[i])); (want == nil) != (err == nil) {
				t.Errorf("order %d of %q: error %v, alone %v", i, text, err, want)
			}
		}
	}
}

package resource

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// accepted is a multiplication that waits.
func accepted() Multiplication {
	return Multiplication{
		ID:       "01a221dc-7fd0-7873-9378-2b7ee0a351b4",
		State:    "pending",
		Priority: 2,
		Shape: Dimensions{
			M: 2,
			K: 3,
			N: 4,
		},
		DType: "float64",
		A: MatrixRef{
			MatrixID: "a",
			Rows:     2,
			Cols:     3,
			DType:    "float32",
		},
		B: MatrixRef{
			MatrixID: "b",
			Rows:     3,
			Cols:     4,
			DType:    "float64",
		},
		Tiles:     TileCounts{Total: 1},
		Errors:    []TileError{},
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC),
		Links:     MultiplicationLinks{Self: "/v1/multiplications/x", Events: "/v1/multiplications/x/events"},
	}
}

// TestAppendAccepted: what is appended is what encoding/json writes, whatever member has another value; it is left to
// encoding/json if it must be.
func TestAppendAccepted(t *testing.T) {
	t.Parallel()
	m := accepted()
	wantSame(t, "an accepted multiplication", m, true)
	m.Retention = 3600
	m.Links.Jobs = "/riverui/jobs?kinds=x&state=<available>"
	m.CreatedAt = m.CreatedAt.Truncate(time.Second)
	wantSame(t, "one with all that it may have", m, true)
	changeEach(t, reflect.TypeFor[Multiplication](), nil)
}

// changeEach changes each member of a struct of a multiplication, one at a time.
func changeEach(t *testing.T, of reflect.Type, at []int) {
	t.Helper()
	for i := range of.NumField() {
		index := append(at[:len(at):len(at)], i)
		if field := of.Field(i).Type; field.Kind() == reflect.Struct && field != reflect.TypeFor[time.Time]() {
			changeEach(t, field, index)
			continue
		}
		for _, value := range values(of.Field(i).Type) {
			m := accepted()
			reflect.ValueOf(&m).Elem().FieldByIndex(index).Set(value)
			wantSame(t, of.Field(i).Name, m, false)
		}
	}
}

// values returns values of a type, some of which JSON has in another form.
func values(of reflect.Type) (all []reflect.Value) {
	switch of.Kind() { //nolint:exhaustive // others are set to a value that is not zero
	case reflect.String:
		for _, text := range []string{"", "x", `"`, `\`, "\n", "é", "\xff", "\u2028", "<&>", "\x7f"} {
			all = append(all, reflect.ValueOf(text).Convert(of))
		}
		return all
	case reflect.Pointer:
		return []reflect.Value{reflect.New(of.Elem())}
	case reflect.Slice:
		return []reflect.Value{reflect.Zero(of), reflect.MakeSlice(of, 1, 1)}
	case reflect.Bool:
		return []reflect.Value{reflect.ValueOf(true)}
	case reflect.Struct:
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("east", 3600)} {
			all = append(all, reflect.ValueOf(time.Date(999, 9, 9, 9, 9, 9, 9, zone)))
		}
		return append(all, reflect.ValueOf(time.Date(-1, 1, 1, 1, 1, 1, 1, time.UTC)), reflect.ValueOf(time.Time{}))
	}
	for _, n := range []int{-1, 0, 1, 1 << 40} {
		all = append(all, reflect.ValueOf(n).Convert(of))
	}
	return all
}

func wantSame(t *testing.T, what string, m Multiplication, must bool) {
	t.Helper()
	got, ok := m.appendAccepted([]byte("before"))
	if !ok {
		if must {
			t.Errorf("%s is left to encoding/json", what)
		}
		return
	}
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil || string(got)+"\n" != "before"+want.String() {
		t.Errorf("%s: %s, want %s, %v", what, got, &want, err)
	}
}

func BenchmarkAppendAccepted(b *testing.B) {
	m := accepted()
	dst := make([]byte, 0, 1<<10)
	for b.Loop() {
		dst, _ = m.appendAccepted(dst[:0])
	}
}

package resource_test

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
)

// TestMaxMessage compares MaxMessage with the struct tags of the messages.
func TestMaxMessage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of    reflect.Type
		field string
	}{
		{reflect.TypeFor[resource.Multiplication](), "Failure"},
		{reflect.TypeFor[resource.MultiplicationEvent](), "Failure"},
		{reflect.TypeFor[resource.TileError](), "Message"},
	} {
		field, _ := c.of.FieldByName(c.field)
		if got, want := field.Tag.Get("maxLength"), strconv.Itoa(resource.MaxMessage); got != want {
			t.Errorf("%s.%s has maxLength %q, want %s", c.of, c.field, got, want)
		}
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	const without = `{"matrix_id":"x","rows":1,"cols":2,"dtype":"float64","href":"/x","bytes":16,"verified":true}`
	want := strings.TrimSuffix(without, "}") + `,"values":[[1,2.5]]}`
	var r resource.Result
	if err := json.Unmarshal([]byte(want), &r); err != nil {
		t.Fatal(err)
	}
	if string(r.Values) != "[[1,2.5]]" {
		t.Errorf("Values = %s, want [[1,2.5]]", r.Values)
	}
	if got, err := json.Marshal(r); string(got) != want || err != nil {
		t.Errorf("Marshal() = %s, %v, want %s", got, err, want)
	}
	r.Values = nil
	if got, err := json.Marshal(r); string(got) != without || err != nil {
		t.Errorf("Marshal() = %s, %v, want %s", got, err, without)
	}
}

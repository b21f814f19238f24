package resource

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/matrix/jsonrows"
)

// Rows are rows of numbers as JSON text, such as [[1,2],[3,4]].
type Rows []byte

// MarshalJSON implements json.Marshaler.
func (r Rows) MarshalJSON() ([]byte, error) { return r, nil }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Rows) UnmarshalJSON(text []byte) error {
	*r = append((*r)[:0], text...)
	return nil
}

// maxRows is the number of rows of a column of 64 GiB, the limit of a server unless it is configured otherwise.
const maxRows = 1 << 33

// Schema implements huma.SchemaProvider.
func (Rows) Schema(huma.Registry) *huma.Schema {
	row := &huma.Schema{
		Type:     huma.TypeArray,
		Items:    &huma.Schema{Type: huma.TypeNumber, Format: "double"},
		MaxItems: new(jsonrows.MaxCols),
		Examples: []any{[]int{1, 2}},
	}
	return &huma.Schema{
		Type:     huma.TypeArray,
		Items:    row,
		MaxItems: new(maxRows),
		Description: "The elements of the result, in a response to Prefer: wait; " +
			"if they have 64 KiB or less and all are finite",
		Examples: []any{[][]int{{19, 22}, {43, 50}}},
	}
}

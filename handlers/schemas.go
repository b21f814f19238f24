package handlers

import "github.com/danielgtaylor/huma/v2"

// The schemas of bodies that are read as a stream: Huma cannot derive them from a type.

func objectSchema(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required, AdditionalProperties: false}
}

func valuesSchema() *huma.Schema {
	number := &huma.Schema{Type: huma.TypeNumber, Format: "double"}
	return &huma.Schema{
		Type: huma.TypeArray, Description: "Rows of numbers, all of the same length",
		Items: &huma.Schema{Type: huma.TypeArray, Items: number},
	}
}

func prioritySchema() *huma.Schema {
	low, high := 1.0, 4.0
	return &huma.Schema{
		Type: huma.TypeInteger, Minimum: &low, Maximum: &high, Default: 2, Description: "1 is the most urgent",
	}
}

func operandSchema() *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		objectSchema(map[string]*huma.Schema{
			"matrix_id": {Type: huma.TypeString, Description: "A matrix that is stored already"},
		}, "matrix_id"),
		objectSchema(map[string]*huma.Schema{"values": valuesSchema()}, "values"),
		objectSchema(map[string]*huma.Schema{"random": randomSchema()}, "random"),
	}}
}

func randomSchema() *huma.Schema {
	zero := 0.0
	size := &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &zero}
	s := objectSchema(map[string]*huma.Schema{
		"rows": size, "cols": size,
		"seed":  {Type: huma.TypeInteger, Format: "int64", Minimum: &zero, Default: 0},
		"dtype": {Type: huma.TypeString, Enum: []any{"float64", "float32"}, Default: "float64"},
	}, "rows", "cols")
	s.Description = "Uniform in [0,1), made where it is needed: any size, no upload. The same seed and shape give the same matrix."
	return s
}

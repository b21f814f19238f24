package handlers

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/matrix/jsonrows"
)

// The schemas of bodies that are read or written as a stream: Huma cannot derive them from a type.

func objectSchema(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required, AdditionalProperties: false}
}

// sharedSchemas returns the schemas that have a name of their own and no type.
func sharedSchemas() map[string]*huma.Schema {
	return map[string]*huma.Schema{
		"DType":            {Type: huma.TypeString, Enum: []any{"float64", "float32"}},
		"Values":           valuesSchema(),
		"RandomMatrix":     randomSchema(),
		"Operand":          operandSchema("matrix_id", "values", "random"),
		"NewMatrix":        operandSchema("values", "random"),
		"Submission":       objectSchema(map[string]*huma.Schema{"a": ref("Operand"), "b": ref("Operand"), "priority": prioritySchema()}, "a", "b"),
		"SimpleSubmission": objectSchema(map[string]*huma.Schema{"A": ref("Values"), "B": ref("Values")}, "A", "B"),
		"Elements":         elementsSchema(),
		"StreamedEvent":    streamedEventSchema(),
		"Problem":          problemSchema(),
		"Fault":            faultSchema(),
	}
}

func idSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid", MaxLength: new(36)}
}

// npySchema describes a body that is a .npy file.
func npySchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "A .npy file, as np.save writes it", MaxLength: new(maxFileBytes)}
}

// The limits that the description of the API gives: those that a server has unless it is configured otherwise.
const (
	maxFileBytes = 1 << 40
	maxRows      = maxFileBytes / 8
)

func valuesSchema() *huma.Schema {
	number := &huma.Schema{Type: huma.TypeNumber, Format: "double"}
	return &huma.Schema{
		Type: huma.TypeArray, MaxItems: new(maxRows),
		Items: &huma.Schema{Type: huma.TypeArray, Items: number, MaxItems: new(jsonrows.MaxCols), Examples: []any{[]int{1, 2}}},
	}
}

func elementsSchema() *huma.Schema {
	count := func() *huma.Schema { return &huma.Schema{Type: huma.TypeInteger, Format: "int64"} }
	return objectSchema(map[string]*huma.Schema{"rows": count(), "cols": count(), "values": ref("Values")}, "rows", "cols", "values")
}

func prioritySchema() *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeInteger, Format: "int32", Minimum: new(1.0), Maximum: new(4.0), Default: 2, Description: "1 is the most urgent",
	}
}

// operandSchema describes an object that has exactly one of the members, which say where a matrix comes from.
func operandSchema(members ...string) *huma.Schema {
	all := map[string]*huma.Schema{
		"matrix_id": {Type: huma.TypeString, Format: "uuid", MaxLength: new(36), Description: "A matrix that is stored already"},
		"values":    ref("Values"),
		"random":    ref("RandomMatrix"),
	}
	s := objectSchema(map[string]*huma.Schema{})
	for _, name := range members {
		s.Properties[name] = all[name]
	}
	s.MinProperties, s.MaxProperties = new(1), new(1)
	return s
}

func randomSchema() *huma.Schema {
	size := func(what string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Description: what}
	}
	return objectSchema(map[string]*huma.Schema{
		"rows": size("Number of rows"), "cols": size("Number of columns"),
		"seed":  {Type: huma.TypeInteger, Format: "int64", Default: 0, Description: "Another seed gives another matrix"},
		"dtype": {Default: "float64"},
	}, "rows", "cols")
}

// problemSchema describes an error as RFC 9457 has it.
func problemSchema() *huma.Schema {
	s := objectSchema(map[string]*huma.Schema{
		"title":  textSchema(50),
		"status": {Type: huma.TypeInteger, Format: "int32", Minimum: new(400.0), Maximum: new(599.0)},
		"detail": textSchema(maxDetail),
		"errors": {Type: huma.TypeArray, Items: ref("Fault"), MaxItems: new(100)},
	}, "title", "status", "detail")
	s.Properties["title"].Description = "The meaning of the status"
	s.Properties["status"].Description = "The HTTP status"
	s.Properties["detail"].Description = "What is wrong with this request, and often what to do about it"
	s.Properties["errors"].Description = "What is wrong with each parameter, where it is parameters that are wrong"
	return s
}

// maxDetail is more than any message has that goes to a client.
const maxDetail = 4096

func faultSchema() *huma.Schema {
	s := objectSchema(map[string]*huma.Schema{
		"message":  textSchema(maxDetail),
		"location": textSchema(200),
		"value":    {Description: "The value that is wrong"},
	})
	s.Properties["message"].Description = "What is wrong"
	s.Properties["location"].Description = "Where"
	return s
}

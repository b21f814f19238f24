// Package schema makes the schemas of which the description of the API consists.
package schema

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
)

// Elements describes a matrix as JSON.
func Elements(ref func(string) *huma.Schema) *huma.Schema {
	return Object(map[string]*huma.Schema{
		"rows":   Count(),
		"cols":   Count(),
		"values": ref("Values"),
	}, "rows", "cols", "values")
}

// StreamedEvent describes an event in its stream.
func StreamedEvent(ref func(string) *huma.Schema) *huma.Schema {
	return Object(map[string]*huma.Schema{
		"id":    Described("Counts from 1 without gaps; for Last-Event-ID", Count()),
		"event": Described("What has changed", Enum("state", "progress")),
		"data":  ref("MultiplicationEvent"),
	}, "id", "event", "data")
}

// Problem describes an error in the format of RFC 9457.
func Problem(ref func(string) *huma.Schema) *huma.Schema {
	faults := Array(ref("Fault"), 100)
	violated := Array(Enum("requests", "queued-work", "stored-bytes"), 3)
	violated.Examples = []any{[]any{"requests"}}
	return Object(map[string]*huma.Schema{
		"type": Described("Where the code is described", Format("uri-reference", 300)),
		"code": Described("Says to programs what is wrong; it does not change: docs/problems.md",
			Pattern("^[a-z_]+$", 50)),
		"request_id": Described("The id of the request, as in the header `X-Request-Id`",
			Pattern(`^[!-~]+$`, 128)),
		"title":  Described("The meaning of the status", Text(50)),
		"status": Described("The HTTP status", Integer("int32", 400, 599)),
		"detail": Described("What is wrong with the request, and often what to do about it",
			Text(resource.MaxMessage)),
		"errors":            Described("The invalid parameters, if parameters are invalid", faults),
		"violated-policies": Described("The quotas that have no room, if the code is quota_exceeded", violated),
		"expected-offset":   Described("Where the upload goes on, if the code is upload_offset", Count()),
		"provided-offset":   Described("Where the request begins, if the code is upload_offset", Count()),
	}, "type", "code", "title", "status", "detail")
}

// Fault describes an invalid parameter.
func Fault() *huma.Schema {
	return Object(map[string]*huma.Schema{
		"message":  Described("What is wrong", Text(resource.MaxMessage)),
		"location": Described("The parameter", Text(200)),
		"value":    {Description: "The invalid value"},
	})
}

// Object describes an object with some properties and no others.
func Object(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{
		Type:                 huma.TypeObject,
		Properties:           properties,
		Required:             required,
		AdditionalProperties: false,
	}
}

// Described gives a schema a description.
func Described(description string, s *huma.Schema) *huma.Schema {
	s.Description = description
	return s
}

// ID describes the id of a resource.
func ID() *huma.Schema { return Format("uuid", 36) }

// Count describes an integer whose bounds Describe adds.
func Count() *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
}

// Integer describes an integer within bounds.
func Integer(format string, low, high float64) *huma.Schema {
	return &huma.Schema{
		Type:    huma.TypeInteger,
		Format:  format,
		Minimum: &low,
		Maximum: &high,
	}
}

// Array describes an array of at most length items.
func Array(items *huma.Schema, length int) *huma.Schema {
	return &huma.Schema{
		Type:     huma.TypeArray,
		Items:    items,
		MaxItems: &length,
	}
}

// Format describes text in a format, of at most length characters.
func Format(format string, length int) *huma.Schema {
	return &huma.Schema{
		Type:      huma.TypeString,
		Format:    format,
		MaxLength: &length,
	}
}

// Enum describes text that is one of some values.
func Enum(values ...any) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: values}
}

// Text describes text of at most length characters that is not blank.
func Text(length int) *huma.Schema { return Pattern(`\S`, length) }

// Pattern describes text that matches a pattern, of at most length characters.
func Pattern(pattern string, length int) *huma.Schema {
	return &huma.Schema{
		Type:      huma.TypeString,
		Pattern:   pattern,
		MaxLength: &length,
	}
}

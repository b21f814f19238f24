package apidoc

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
)

// maxFileBytes is the limit of a server unless it is configured otherwise.
const maxFileBytes = 1 << 40

// sharedSchemas returns the named schemas of bodies that are read or written as a stream, which Huma cannot derive
// from a type.
func sharedSchemas() map[string]*huma.Schema {
	return map[string]*huma.Schema{
		"DType":            enumSchema("float64", "float32"),
		"Values":           resource.Rows{}.Schema(nil),
		"RandomMatrix":     randomSchema(),
		"Operand":          operandSchema("matrix_id", "values", "random"),
		"NewMatrix":        operandSchema("values", "random"),
		"Submission":       submissionSchema(ref("Operand")),
		"SimpleSubmission": objectSchema(map[string]*huma.Schema{"A": ref("Values"), "B": ref("Values")}, "A", "B"),
		"Elements":         elementsSchema(),
		"StreamedEvent":    streamedEventSchema(),
		"Problem":          problemSchema(),
		"Fault":            faultSchema(),
	}
}

// submissionSchema describes two operands, a priority, a retention and a webhook.
func submissionSchema(operand *huma.Schema) *huma.Schema {
	return objectSchema(map[string]*huma.Schema{
		"a":        operand,
		"b":        operand,
		"priority": prioritySchema(),
		"retention_seconds": describedAs("How long the multiplication, its result and the operands that come with it are "+
			"kept after their last use. As long as the server keeps others if it is left out; the server bounds it. "+
			"A multiplication with it "+
			"is never an inline one", integerSchema("int64", 60, 315360000)),
		"webhook": webhookSchema(),
	}, "a", "b")
}

// webhookSchema describes the url that a submission names.
func webhookSchema() *huma.Schema {
	return describedAs("Where a message is sent when the multiplication ends: the url of a webhook that was made with "+
		"`only_named`, to which parameters may be added, as in `https://example.com/hooks?run=17`. A multiplication with it "+
		"is never an inline one", &huma.Schema{
		Type:      huma.TypeString,
		Format:    "uri",
		MinLength: new(1),
		MaxLength: new(2000),
	})
}

// prioritySchema describes a priority. Its default, like those of other members of requests, is text: generators of
// clients take a member with a default for one that must be sent.
func prioritySchema() *huma.Schema {
	return describedAs("1 is the most urgent; 2 if it is left out", integerSchema("int32", 1, 4))
}

// operandSchema describes an object with exactly one of the given members, which define a matrix.
func operandSchema(members ...string) *huma.Schema {
	all := map[string]*huma.Schema{
		"matrix_id": describedAs("The id of a stored matrix", idSchema()),
		"values":    ref("Values"),
		"random":    ref("RandomMatrix"),
	}
	s := objectSchema(map[string]*huma.Schema{})
	for _, name := range members {
		s.Properties[name] = all[name]
	}
	s.MinProperties = new(1)
	s.MaxProperties = new(1)
	return s
}

func randomSchema() *huma.Schema {
	return objectSchema(map[string]*huma.Schema{
		"rows": describedAs("Number of rows", countSchema()),
		"cols": describedAs("Number of columns", countSchema()),
		"seed": describedAs("Another seed gives another matrix; 0 if it is left out", countSchema()),
		"dtype": {
			Description: "float64 if it is left out; other names that NumPy has for the type, such as f8 and <f8, are read, too",
		},
	}, "rows", "cols")
}

func elementsSchema() *huma.Schema {
	return objectSchema(map[string]*huma.Schema{
		"rows":   countSchema(),
		"cols":   countSchema(),
		"values": ref("Values"),
	}, "rows", "cols", "values")
}

func streamedEventSchema() *huma.Schema {
	return objectSchema(map[string]*huma.Schema{
		"id":    describedAs("Counts from 1 without gaps; for Last-Event-ID", countSchema()),
		"event": describedAs("What has changed", enumSchema("state", "progress")),
		"data":  ref("MultiplicationEvent"),
	}, "id", "event", "data")
}

// problemSchema describes an error in the format of RFC 9457.
func problemSchema() *huma.Schema {
	faults := arraySchema(ref("Fault"), 100)
	violated := arraySchema(enumSchema("requests", "queued-work", "stored-bytes"), 3)
	violated.Examples = []any{[]any{"requests"}}
	return objectSchema(map[string]*huma.Schema{
		"type": describedAs("Where the code is described", formatSchema("uri-reference", 300)),
		"code": describedAs("Says to programs what is wrong; it does not change: docs/problems.md",
			patternSchema("^[a-z_]+$", 50)),
		"request_id": describedAs("The id of the request, as in the header `X-Request-Id`",
			patternSchema(`^[!-~]+$`, 128)),
		"title":  describedAs("The meaning of the status", textSchema(50)),
		"status": describedAs("The HTTP status", integerSchema("int32", 400, 599)),
		"detail": describedAs("What is wrong with the request, and often what to do about it",
			textSchema(resource.MaxMessage)),
		"errors":            describedAs("The invalid parameters, if parameters are invalid", faults),
		"violated-policies": describedAs("The quotas that have no room, if the code is quota_exceeded", violated),
	}, "type", "code", "title", "status", "detail")
}

func faultSchema() *huma.Schema {
	return objectSchema(map[string]*huma.Schema{
		"message":  describedAs("What is wrong", textSchema(resource.MaxMessage)),
		"location": describedAs("The parameter", textSchema(200)),
		"value":    {Description: "The invalid value"},
	})
}

// npySchema describes a body that is a .npy file.
func npySchema() *huma.Schema {
	return describedAs("A .npy file, as np.save writes it", binarySchema())
}

func binarySchema() *huma.Schema { return formatSchema("binary", maxFileBytes) }

func objectSchema(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{
		Type:                 huma.TypeObject,
		Properties:           properties,
		Required:             required,
		AdditionalProperties: false,
	}
}

func describedAs(description string, s *huma.Schema) *huma.Schema {
	s.Description = description
	return s
}

func idSchema() *huma.Schema { return formatSchema("uuid", 36) }

// countSchema describes an integer whose bounds Describe adds.
func countSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
}

func integerSchema(format string, low, high float64) *huma.Schema {
	return &huma.Schema{
		Type:    huma.TypeInteger,
		Format:  format,
		Minimum: &low,
		Maximum: &high,
	}
}

func arraySchema(items *huma.Schema, length int) *huma.Schema {
	return &huma.Schema{
		Type:     huma.TypeArray,
		Items:    items,
		MaxItems: &length,
	}
}

func formatSchema(format string, length int) *huma.Schema {
	return &huma.Schema{
		Type:      huma.TypeString,
		Format:    format,
		MaxLength: &length,
	}
}

func enumSchema(values ...any) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: values}
}

// textSchema describes text of at most length characters that is not blank.
func textSchema(length int) *huma.Schema { return patternSchema(`\S`, length) }

func patternSchema(pattern string, length int) *huma.Schema {
	return &huma.Schema{
		Type:      huma.TypeString,
		Pattern:   pattern,
		MaxLength: &length,
	}
}

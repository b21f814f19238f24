package apidoc

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/schema"
	"github.com/millrace/millrace/handlers/resource"
)

// maxFileBytes is the limit of a server unless it is configured otherwise.
const maxFileBytes = 1 << 40

// sharedSchemas returns the named schemas of bodies that are read or written as a stream, which Huma cannot derive
// from a type.
func sharedSchemas() map[string]*huma.Schema {
	return map[string]*huma.Schema{
		"DType":            schema.Enum("float64", "float32"),
		"Values":           resource.Rows{}.Schema(nil),
		"RandomMatrix":     randomSchema(),
		"Operand":          operandSchema("matrix_id", "values", "random", "s3"),
		"NewMatrix":        operandSchema("values", "random", "s3"),
		"ObjectToRead":     objectToReadSchema(),
		"NewOutput":        newOutputSchema(),
		"ObjectToWrite":    schema.Object(bucketAndKey(), "bucket", "key"),
		"Submission":       withOutput(submissionSchema(ref("Operand"))),
		"SimpleSubmission": schema.Object(map[string]*huma.Schema{"A": ref("Values"), "B": ref("Values")}, "A", "B"),
		"Elements":         schema.Elements(ref),
		"StreamedEvent":    schema.StreamedEvent(ref),
		"Problem":          schema.Problem(ref),
		"Fault":            schema.Fault(),
	}
}

// submissionSchema describes two operands, a priority, a retention, a webhook, and whether it may be reused.
func submissionSchema(operand *huma.Schema) *huma.Schema {
	return schema.Object(map[string]*huma.Schema{
		"a":        operand,
		"b":        operand,
		"priority": prioritySchema(),
		"retention_seconds": schema.Described("How long the multiplication, its result and the operands that come with it "+
			"are kept after their last use. As long as the server keeps others if it is left out; the server bounds it. "+
			"A multiplication with it "+
			"is never an inline one", schema.Integer("int64", 60, 315360000)),
		"webhook": webhookSchema(),
		"reuse": schema.Described("Whether it may have the result of an earlier multiplication of the same matrices, "+
			"instead of being computed again: `true` if it is left out", &huma.Schema{Type: huma.TypeBoolean}),
	}, "a", "b")
}

// webhookSchema describes the url that a submission names.
func webhookSchema() *huma.Schema {
	return schema.Described("Where a message is sent when the multiplication ends: the url of a webhook that was made "+
		"with `only_named`, to which parameters may be added, as in `https://example.com/hooks?run=17`. A multiplication with it "+
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
	return schema.Described("1 is the most urgent; 2 if it is left out", schema.Integer("int32", 1, 4))
}

// operandSchema describes an object with exactly one of the given members, which define a matrix.
func operandSchema(members ...string) *huma.Schema {
	all := map[string]*huma.Schema{
		"matrix_id": schema.Described("The id of a stored matrix", schema.ID()),
		"values":    ref("Values"),
		"random":    ref("RandomMatrix"),
		"s3":        ref("ObjectToRead"),
	}
	s := schema.Object(map[string]*huma.Schema{})
	for _, name := range members {
		s.Properties[name] = all[name]
	}
	s.MinProperties = new(1)
	s.MaxProperties = new(1)
	return s
}

// withOutput adds where the result is written to.
func withOutput(s *huma.Schema) *huma.Schema {
	s.Properties["output"] = ref("NewOutput")
	return s
}

func newOutputSchema() *huma.Schema {
	return schema.Object(map[string]*huma.Schema{"s3": ref("ObjectToWrite")}, "s3")
}

func bucketAndKey() map[string]*huma.Schema {
	return map[string]*huma.Schema{
		"bucket": schema.Text(255),
		"key":    schema.Text(1024),
	}
}

// objectToReadSchema describes a .npy file in a bucket.
func objectToReadSchema() *huma.Schema {
	s := schema.Object(bucketAndKey(), "bucket", "key")
	s.Properties["version"] = schema.Described("The id of a version, in a bucket that keeps versions; the newest if it "+
		"is left out", schema.Text(1024))
	return s
}

func randomSchema() *huma.Schema {
	return schema.Object(map[string]*huma.Schema{
		"rows": schema.Described("Number of rows", schema.Count()),
		"cols": schema.Described("Number of columns", schema.Count()),
		"seed": schema.Described("Another seed gives another matrix; 0 if it is left out", schema.Count()),
		"dtype": {
			Description: "float64 if it is left out; other names that NumPy has for the type, such as f8 and <f8, are read, too",
		},
	}, "rows", "cols")
}

// npySchema describes a body that is a .npy file.
func npySchema() *huma.Schema {
	return schema.Described("A .npy file, as np.save writes it", binarySchema())
}

func binarySchema() *huma.Schema { return schema.Format("binary", maxFileBytes) }

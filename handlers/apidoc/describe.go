package apidoc

import (
	"encoding/json"
	"math"
	"net/http"
	"path"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
)

// Describe completes the description of an API whose operations are registered with what many operations share.
func Describe(o *huma.OpenAPI) {
	o.Components.Schemas.Schema(reflect.TypeFor[resource.MultiplicationEvent](), true, "") // which no operation has as its body
	schemas := o.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // Huma's; ours says more
	delete(schemas, "ErrorDetail")
	for name, s := range sharedSchemas() {
		schemas[name] = s
	}
	for name, s := range schemas {
		if c, ok := componentDocs[name]; ok {
			s.Description = c.description
			if c.example != nil {
				s.Examples = []any{plain(c.example)}
			}
		}
		describeSchema(s)
	}
	o.Components.Headers = map[string]*huma.Header{}
	o.Components.Responses = map[string]*huma.Response{}
	for _, item := range o.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				describeOperation(o.Components, op)
			}
		}
	}
}

func describeOperation(c *huma.Components, op *huma.Operation) {
	for status := range sharedResponses {
		if code := strconv.Itoa(status); status != http.StatusRequestTimeout && op.Responses[code] == nil { // everywhere
			op.Responses[code] = &huma.Response{}
		}
	}
	delete(op.Responses, "default")
	op.Security = []map[string][]string{} // said aloud: there is none, that is for the proxy in front
	for text, r := range op.Responses {
		status, _ := strconv.Atoi(text)
		if shared, ok := sharedResponses[status]; ok && r.Description == "" {
			*r = huma.Response{Ref: "#/components/responses/" + shared.name}
			if c.Responses[shared.name] == nil {
				c.Responses[shared.name] = shared.response(status)
				describeHeaders(c, c.Responses[shared.name])
			}
			continue
		}
		describeHeaders(c, r)
		for kind, content := range r.Content {
			if kind == mediaProblem { // Huma's own description of it says less
				content.Schema = ref("Problem")
			}
			describeSchema(content.Schema)
		}
	}
	for i, p := range op.Parameters {
		op.Parameters[i] = describeParameter(op.Path, p)
	}
	if op.RequestBody != nil {
		for _, content := range op.RequestBody.Content {
			describeSchema(content.Schema)
		}
	}
}

// describeHeaders moves the headers that headerDocs knows to the components.
func describeHeaders(c *huma.Components, r *huma.Response) {
	docs := headerDocs()
	for name := range r.Headers {
		if h, ok := docs[name]; ok {
			c.Headers[name] = &huma.Header{Description: h.Description, Required: h.Required, Schema: h.Schema, Example: h.Example}
			r.Headers[name] = &huma.Header{Ref: "#/components/headers/" + name}
		}
	}
}

func idParameter(route string) huma.Param {
	if strings.HasPrefix(route, MatricesPath) {
		return huma.Param{Description: "Id of the matrix, as its creation answered it.", Schema: idSchema(), Example: exampleMatrixA}
	}
	return huma.Param{Description: "Id of the multiplication, as its creation answered it.", Schema: idSchema(), Example: exampleID}
}

// maxCount is the largest number of whatever this API counts.
const maxCount = math.MaxInt64

// describeSchema gives every integer and every time in a schema its bounds, and names the types that occur often.
func describeSchema(s *huma.Schema) {
	if s == nil {
		return
	}
	low, high := 0.0, float64(maxCount)
	switch {
	case s.Type == huma.TypeInteger:
		if s.Minimum == nil {
			s.Minimum = &low
		}
		if s.Maximum == nil {
			s.Maximum = &high
		}
	case s.Format == "date-time":
		length := len("2006-01-02T15:04:05.999999999Z")
		s.MaxLength = &length
	}
	if s.Type == huma.TypeArray && len(s.Examples) == 0 && s.Items.Ref != "" {
		s.Examples = []any{[]any{plain(componentDocs[path.Base(s.Items.Ref)].example)}}
	}
	for name, property := range s.Properties {
		if name == "dtype" && s.Properties[name].Ref == "" {
			s.Properties[name] = &huma.Schema{Ref: ref("DType").Ref, Description: property.Description, Default: property.Default}
			continue
		}
		describeSchema(property)
	}
	describeSchema(s.Items)
	for _, part := range append(append(s.OneOf, s.AnyOf...), s.AllOf...) {
		describeSchema(part)
	}
}

func ref(name string) *huma.Schema { return &huma.Schema{Ref: "#/components/schemas/" + name} }

// plain turns an example into what it is in JSON.
func plain(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // an example of our own
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		panic(err)
	}
	return tree
}

package apidoc

import (
	"math"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// Describe completes the description of an API whose operations are registered: it adds what operations share.
func Describe(o *huma.OpenAPI) {
	describeSchemas(o.Components.Schemas)
	o.Components.Headers = map[string]*huma.Header{}
	o.Components.Responses = map[string]*huma.Response{}
	for _, item := range o.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete, item.Head} {
			if op != nil {
				describeOperation(o.Components, op)
			}
		}
	}
}

func describeOperation(c *huma.Components, op *huma.Operation) {
	if scopes := op.Security[0][BearerScheme]; len(scopes) > 0 {
		needs := forbidden(scopes[0])
		op.Responses[strconv.Itoa(needs.status)] = &needs.Response
	}
	for status := range sharedResponses {
		code := strconv.Itoa(status)
		if status == http.StatusUnauthorized && isPublic(op) || ofBodies(status) {
			continue
		}
		if status == http.StatusForbidden && op.Method == http.MethodGet {
			continue // reading is for the browser to refuse
		}
		if op.Responses[code] == nil {
			op.Responses[code] = &huma.Response{}
		}
	}
	delete(op.Responses, "default")
	for code, r := range op.Responses {
		describeResponse(c, code, r)
	}
	for i, p := range op.Parameters {
		op.Parameters[i] = describeParameter(op.Path, p)
	}
	if op.RequestBody != nil {
		for _, content := range op.RequestBody.Content {
			if content.Example == nil && content.Examples == nil {
				docs := componentDocs[path.Base(content.Schema.Ref)] // Huma reads the body
				content.Example = example.Plain(docs.example)
				op.RequestBody.Description = docs.description
			}
			describeSchema(content.Schema)
		}
	}
}

// isPublic reports whether an operation needs nothing.
func isPublic(op *huma.Operation) bool { return len(op.Security) == 1 && len(op.Security[0]) == 0 }

// ofBodies reports whether only requests with a body get a response.
func ofBodies(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusInsufficientStorage
}

// describeResponse completes a response, or replaces it by a reference if operations share it.
func describeResponse(c *huma.Components, code string, r *huma.Response) {
	status, _ := strconv.Atoi(code)
	if shared, ok := sharedResponses[status]; ok && r.Description == "" {
		*r = huma.Response{Ref: "#/components/responses/" + shared.name}
		if c.Responses[shared.name] == nil {
			c.Responses[shared.name] = shared.response()
			describeHeaders(c, c.Responses[shared.name])
		}
		return
	}
	describeHeaders(c, r)
	for kind, content := range r.Content {
		if kind == resource.MediaProblem { // in place of Huma's own schema
			content.Schema = ref("Problem")
		}
		describeSchema(content.Schema)
	}
}

// describeHeaders moves the headers that headerDocs has to the components.
func describeHeaders(c *huma.Components, r *huma.Response) {
	docs := headerDocs()
	if r.Headers == nil {
		r.Headers = map[string]*huma.Header{}
	}
	// The first two are there while the tenant has such a quota.
	for _, name := range []string{"RateLimit", "RateLimit-Policy", problem.RequestIDHeader} {
		r.Headers[name] = &huma.Header{}
	}
	for name := range r.Headers {
		if h, ok := docs[name]; ok {
			c.Headers[name] = &h
			r.Headers[name] = &huma.Header{Ref: "#/components/headers/" + name}
		}
	}
}

func describeSchemas(registry huma.Registry) {
	for _, streamed := range []reflect.Type{ // of which Huma knows nothing
		reflect.TypeFor[resource.MultiplicationEvent](),
		reflect.TypeFor[resource.Batch](),
		reflect.TypeFor[resource.PartialUpload](),
	} {
		registry.Schema(streamed, true, "")
	}
	schemas := registry.Map()
	delete(schemas, "ErrorModel") // Huma's; Problem replaces them
	delete(schemas, "ErrorDetail")
	for name, s := range sharedSchemas() {
		schemas[name] = s
	}
	cells := schemas["TileGrid"].Properties["cells"].Items
	cells.Pattern = "^[cefpr.]*$"
	cells.MaxLength = new(resource.MaxCells)
	for name, s := range schemas {
		if c, ok := componentDocs[name]; ok {
			s.Description = c.description
			if c.example != nil {
				s.Examples = []any{example.Plain(c.example)}
			}
		}
		describeSchema(s)
	}
}

// describeSchema gives integers and times in a schema their bounds, arrays of components an example, and data types a
// name.
func describeSchema(s *huma.Schema) {
	if s == nil {
		return
	}
	switch {
	case s.Type == huma.TypeInteger:
		if s.Minimum == nil {
			s.Minimum = new(0.0)
		}
		if s.Maximum == nil {
			s.Maximum = new(float64(math.MaxInt64))
		}
	case s.Format == "date-time":
		s.MaxLength = new(len("2006-01-02T15:04:05.999999999Z"))
	}
	if s.Type == huma.TypeArray && len(s.Examples) == 0 && s.Items.Ref != "" {
		s.Examples = []any{[]any{example.Plain(componentDocs[path.Base(s.Items.Ref)].example)}}
	}
	for name, property := range s.Properties {
		if name == "dtype" && property.Ref == "" {
			named := ref("DType")
			named.Description, named.Default = property.Description, property.Default
			s.Properties[name] = named
			continue
		}
		describeSchema(property)
	}
	describeSchema(s.Items)
	for _, part := range slices.Concat(s.OneOf, s.AnyOf, s.AllOf) {
		describeSchema(part)
	}
}

func ref(name string) *huma.Schema { return &huma.Schema{Ref: "#/components/schemas/" + name} }

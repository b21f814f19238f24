package handlers_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/millrace/millrace/handlers"
)

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	text, err := handlers.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if a := b.get(t, "/openapi.yaml").want(t, http.StatusOK); !bytes.Equal(a.body, text) {
		t.Error("/openapi.yaml differs from OpenAPI()")
	}
	for path, version := range map[string]string{"/openapi.json": "3.1.", "/openapi-3.0.json": "3.0."} {
		var s struct{ OpenAPI string }
		a := b.get(t, path).want(t, http.StatusOK)
		if err := json.Unmarshal(a.body, &s); err != nil || !strings.HasPrefix(s.OpenAPI, version) {
			t.Errorf("%s: version %q, %v, want %s", path, s.OpenAPI, err, version)
		}
	}
}

// TestDescriptionComplete requires descriptions and examples of operations, parameters, headers and responses, as far
// as the linter has no rules for them.
func TestDescriptionComplete(t *testing.T) {
	t.Parallel()
	d := describedAPI(t)
	ids := map[string]bool{}
	for _, route := range d.routes {
		op := route.Operation
		t.Run(op.OperationID, func(t *testing.T) { checkOperation(t, op) })
		if ids[op.OperationID] {
			t.Errorf("there are two operations %q", op.OperationID)
		}
		ids[op.OperationID] = true
	}
	if len(ids) < 11 {
		t.Errorf("%d operations, want at least 11", len(ids))
	}
	for name, h := range d.Components.Headers {
		if h.Value.Description == "" || h.Value.Example == nil {
			t.Errorf("header %s: description %q, example %v", name, h.Value.Description, h.Value.Example)
		}
	}
}

func checkOperation(t *testing.T, op *openapi3.Operation) {
	t.Helper()
	if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 {
		t.Errorf("summary %q, description %q, tags %q", op.Summary, op.Description, op.Tags)
	}
	for _, p := range op.Parameters {
		if p.Value.Description == "" || p.Value.Example == nil {
			t.Errorf("parameter %s: description %q, example %v", p.Value.Name, p.Value.Description, p.Value.Example)
		}
	}
	if body := op.RequestBody; body != nil && (!body.Value.Required || body.Value.Description == "") {
		t.Errorf("request body: %+v", body.Value)
	}
	for status, response := range op.Responses.Map() {
		if *response.Value.Description == "" || *response.Value.Description == http.StatusText(atoi(t, status)) {
			t.Errorf("%s is not described", status)
		}
		if _, ok := response.Value.Content["application/problem+json"]; ok != (status >= "4") {
			t.Errorf("%s is a problem: %t", status, ok)
		}
		for name, h := range response.Value.Headers {
			if h.Value.Description == "" || h.Value.Example == nil {
				t.Errorf("%s, header %s: description %q, example %v", status, name, h.Value.Description, h.Value.Example)
			}
		}
	}
	for _, status := range []string{"500", "503"} {
		if op.Responses.Value(status) == nil {
			t.Errorf("%s is missing", status)
		}
	}
}

// TestContentsHaveSchemas: each content of a request or response has a schema, and no member of a request has a
// default: without the first, generated clients do not know the type, and with the second they take the member for
// one that must be sent.
func TestContentsHaveSchemas(t *testing.T) {
	t.Parallel()
	check := func(where string, content openapi3.Content) {
		for media, c := range content {
			if c.Schema == nil {
				t.Errorf("%s: the content %s has no schema", where, media)
			}
		}
	}
	d := describedAPI(t)
	for _, route := range d.routes {
		op := route.Operation
		if body := op.RequestBody; body != nil {
			check(op.OperationID, body.Value.Content)
			for media, c := range body.Value.Content {
				if name := withDefault(c.Schema, map[*openapi3.Schema]bool{}); name != "" {
					t.Errorf("%s: the member %s of %s has a default", op.OperationID, name, media)
				}
			}
		}
		for status, response := range op.Responses.Map() {
			check(op.OperationID+" "+status, response.Value.Content)
		}
	}
}

// withDefault returns the name of a member of a schema that has a default, "" if there is none.
func withDefault(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) string {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return ""
	}
	seen[ref.Value] = true
	for name, property := range ref.Value.Properties {
		if property.Value.Default != nil {
			return name
		}
		if found := withDefault(property, seen); found != "" {
			return found
		}
	}
	for _, part := range ref.Value.OneOf {
		if found := withDefault(part, seen); found != "" {
			return found
		}
	}
	return withDefault(ref.Value.Items, seen)
}

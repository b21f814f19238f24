package handlers_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers"
)

// spec is the part of an OpenAPI description that the tests look at.
type spec struct {
	OpenAPI string
	Paths   map[string]map[string]operation
}

type operation struct {
	OperationID, Summary string
	Tags                 []string
	RequestBody          *struct {
		Required bool
		Content  map[string]struct {
			Schema, Example json.RawMessage
		}
	}
	Responses map[string]struct {
		Description string
		Content     map[string]json.RawMessage
	}
}

func (b *testBundle) spec(t *testing.T, path string) (spec, []byte) {
	t.Helper()
	a := b.get(t, path).want(t, http.StatusOK)
	var s spec
	if err := json.Unmarshal(a.body, &s); err != nil {
		t.Fatal(err)
	}
	return s, a.body
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	s, text := b.spec(t, "/openapi.json")
	if s.OpenAPI != "3.1.0" || len(s.Paths) < 7 {
		t.Errorf("OpenAPI %s with %d paths", s.OpenAPI, len(s.Paths))
	}
	if s, _ := b.spec(t, "/openapi-3.0.json"); !strings.HasPrefix(s.OpenAPI, "3.0.") {
		t.Errorf("OpenAPI %s", s.OpenAPI)
	}
	yaml, err := handlers.OpenAPI("test")
	if err != nil {
		t.Fatal(err)
	}
	if a := b.get(t, "/openapi.yaml").want(t, http.StatusOK); !bytes.Equal(bytes.TrimSpace(a.body), bytes.TrimSpace(yaml)) {
		t.Error("the server describes itself otherwise than handlers.OpenAPI")
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/components/schemas/(\w+)"`).FindAllSubmatch(text, -1) {
		if !bytes.Contains(text, append([]byte(`"`), append(ref[1], `":{`...)...)) {
			t.Errorf("%s is not described", ref[1])
		}
	}
	ids := map[string]bool{}
	for path, operations := range s.Paths {
		for method, op := range operations {
			t.Run(method+" "+path, func(t *testing.T) { checkOperation(t, method, path, op) })
			if ids[op.OperationID] {
				t.Errorf("there are two operations %q", op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
}

func checkOperation(t *testing.T, method, path string, op operation) {
	t.Helper()
	if op.OperationID == "" || op.Summary == "" || len(op.Tags) == 0 {
		t.Errorf("id %q, summary %q, tags %q", op.OperationID, op.Summary, op.Tags)
	}
	if takesBody := method == "post" && !strings.Contains(path, "{id}"); takesBody != (op.RequestBody != nil) {
		t.Errorf("request body: %v", op.RequestBody)
	} else if takesBody && (!op.RequestBody.Required || len(op.RequestBody.Content) == 0) {
		t.Errorf("request body: %+v", op.RequestBody)
	}
	good, faults := 0, 0
	for status, response := range op.Responses {
		if response.Description == "" {
			t.Errorf("%s has no description", status)
		}
		if status[0] == '2' {
			good++
			continue
		}
		faults++
		if _, ok := response.Content["application/problem+json"]; !ok {
			t.Errorf("%s is no problem: %v", status, response.Content)
		}
	}
	if good == 0 || faults == 0 {
		t.Errorf("%d good and %d bad responses", good, faults)
	}
	if strings.Contains(path, "{id}") && op.Responses["404"].Description == "" {
		t.Error("404 is not described")
	}
}

// Every request body that is described has a schema, and every example in JSON is accepted.
func TestOpenAPIExamples(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, _ := b.spec(t, "/openapi.json")
	examples := 0
	for path, operations := range s.Paths {
		for method, op := range operations {
			if op.RequestBody == nil {
				continue
			}
			for contentType, content := range op.RequestBody.Content {
				if len(content.Schema) == 0 {
					t.Errorf("%s %s: %s has no schema", method, path, contentType)
				}
				if contentType != jsonType {
					continue
				}
				examples++
				if a := b.post(t, path, contentType, content.Example); a.StatusCode/100 != 2 {
					t.Errorf("%s is refused by %s: %s", content.Example, path, a.body)
				}
			}
		}
	}
	if examples < 3 {
		t.Errorf("%d examples", examples)
	}
}

package handlers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/resource"
)

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// examplesOf returns the examples of a body by name.
func examplesOf(m *openapi3.MediaType) map[string]any {
	all := map[string]any{}
	if m.Example != nil {
		all["example"] = m.Example
	}
	for name, e := range m.Examples {
		all[name] = e.Value.Value
	}
	return all
}

var anID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// TestRequestExamples sends the examples of request bodies, with ids of stored matrices and real files in their place.
func TestRequestExamples(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, limits: handlers.Limits{MaxMatrixBytes: 1 << 30}})
	stored := b.upload(t, someElements(2, 2).npy())
	sent := 0
	for pattern, route := range describedAPI(t).routes {
		if route.Operation.RequestBody == nil || route.Method == http.MethodPatch { // a part is one of a file: TestUploadGoesOn
			continue
		}
		for kind, content := range route.Operation.RequestBody.Value.Content {
			for name, value := range examplesOf(content) {
				if name == "objects" { // they are in no bucket: TestObjects
					continue
				}
				sent++
				t.Run(route.Operation.OperationID+" "+name, func(t *testing.T) {
					contentType, body := exampleBody(t, kind, value, stored.ID)
					a := b.post(t, route.Path, contentType, body)
					if a.StatusCode/100 != 2 {
						t.Errorf("%s: status %d for the example in %s, want 2xx: %s", pattern, a.StatusCode, kind, a.body)
					}
				})
			}
		}
	}
	if sent < 9 {
		t.Errorf("the description has %d examples of requests, want at least 9", sent)
	}
}

// exampleBody returns the body of a request that is like an example.
func exampleBody(t *testing.T, kind string, value any, id string) (contentType string, body []byte) {
	t.Helper()
	file := someElements(2, 2).npy()
	switch kind {
	case npyType:
		return kind, file
	case "multipart/form-data":
		var parts []part
		for name, member := range value.(map[string]any) {
			content := file
			if name == "priority" {
				content = strconv.AppendFloat(nil, member.(float64), 'f', -1, 64)
			}
			parts = append(parts, part{name, content})
		}
		return form(t, parts...)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return kind, anID.ReplaceAll(text, []byte(id))
}

// TestResponseExamples compares the members of responses with those of the examples.
func TestResponseExamples(t *testing.T) {
	t.Parallel()
	b := setup(t)
	get := describedAPI(t).Paths.Value("/v1/multiplications/{id}").Get
	text, err := json.Marshal(get.Responses.Value("200").Value.Content[jsonType].Example)
	if err != nil {
		t.Fatal(err)
	}
	m := b.complete(t, b.submit(t, `{"a": {"values": [[1, 2], [3, 4]]}, "b": {"values": [[5, 6], [7, 8]]}}`).ID)
	var example resource.Multiplication
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&example); err != nil {
		t.Fatal(err)
	}
	got, _ := members(t, b.get(t, "/v1/multiplications/"+m.ID).body)
	if want, _ := members(t, text); got != want {
		t.Errorf("the response has the members %s, want %s as in the example", got, want)
	}
	const severalTiles = `{"a": {"random": {"rows": 2600, "cols": 1}}, "b": {"random": {"rows": 1, "cols": 2100}}}`
	tiles := b.complete(t, b.submit(t, severalTiles).ID)
	// The helper compares the events with their description.
	events := b.get(t, "/v1/multiplications/"+tiles.ID+"/events").want(t, http.StatusOK)
	if text := string(events.body); !strings.Contains(text, "event: progress") || !strings.Contains(text, "event: state") {
		t.Errorf("the stream is %s, want events of the state and of the progress", text)
	}
	get = describedAPI(t).Paths.Value("/v1/multiplications/{id}/result").Get
	want := get.Responses.Value("200").Value.Content[jsonType].Example
	result := decode[any](t, b.get(t, m.Result.Href, "Accept", jsonType))
	if got, want := fmt.Sprint(result), fmt.Sprint(want); got != want {
		t.Errorf("the result is %s, want %s as in the example", got, want)
	}
}

// TestParameterExamples sends the examples of parameters, with the ETags of real responses in their place.
func TestParameterExamples(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operand := `{"values": ` + someElements(100, 100).json() + `}`
	m := b.complete(t, b.submit(t, `{"a": `+operand+`, "b": `+operand+`}`).ID)
	hook := b.hook(t, `{"url": "https://example.com/hooks"}`).ID
	sent := 0
	for _, route := range describedAPI(t).routes {
		if route.Method != http.MethodGet {
			continue
		}
		id := m.ID
		if strings.HasPrefix(route.Path, "/v1/matrices") {
			id = m.Result.MatrixID
		}
		if strings.HasPrefix(route.Path, hooksPath) {
			id = hook
		}
		path := strings.ReplaceAll(route.Path, "{id}", id)
		for _, p := range route.Operation.Parameters {
			sent++
			t.Run(route.Operation.OperationID+" "+p.Value.Name, func(t *testing.T) {
				tag := b.get(t, path).Header.Get("ETag")
				query, headers := parameter(t, p.Value, tag)
				a := b.get(t, path+query, headers...)
				if a.StatusCode >= 400 || a.StatusCode == http.StatusOK && p.Value.Name == "Range" {
					t.Errorf("%s: status %s for %v, want it to be accepted: %.300s", path, a.Status, p.Value.Example, a.body)
				}
			})
		}
	}
	if sent < 15 {
		t.Errorf("the description has %d parameters, want at least 15", sent)
	}
}

// parameter returns the example of a parameter as a query or as a header.
func parameter(t *testing.T, p *openapi3.Parameter, tag string) (query string, headers []string) {
	t.Helper()
	values, ok := p.Example.([]any)
	if !ok {
		values = []any{p.Example}
	}
	switch p.In {
	case "header":
		value := values[0].(string)
		if strings.HasPrefix(value, `"`) {
			value = tag
		}
		return "", []string{p.Name, value}
	case "query":
		all := url.Values{}
		for _, v := range values {
			all.Add(p.Name, fmt.Sprint(v))
		}
		return "?" + all.Encode(), nil
	}
	return "", nil
}

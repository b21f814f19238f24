package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/millrace/millrace/handlers"
)

// description is the OpenAPI description of the API. Tests compare each response with it.
type description struct {
	*openapi3.T
	mux    *http.ServeMux
	routes map[string]*routers.Route // by pattern
	seen   sync.Map                  // the forms of responses that were as described
}

// values are the parts of responses that differ from one to the next, and what stands for them in a form: ids, times,
// digests, and numbers other than 0.
var values = []struct {
	pattern *regexp.Regexp
	form    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`=:[A-Za-z0-9+/]+=*:`), "DIGEST"},
	{regexp.MustCompile(`[1-9][0-9]*`), "1"},
}

// likeness returns what all responses have in common that are alike but for values. To compile the schemas for each would
// take a sixth of the time of all tests.
func likeness(route *routers.Route, a received) string {
	var b strings.Builder
	fmt.Fprintln(&b, route.Method, route.Path, a.StatusCode)
	_ = a.Header.Write(&b) // in the order of the names
	b.Write(a.body)
	text := b.String()
	for _, v := range values {
		text = v.pattern.ReplaceAllString(text, v.form)
	}
	return text
}

var loadDescription = sync.OnceValues(func() (*description, error) {
	text, err := handlers.OpenAPI()
	if err != nil {
		return nil, err
	}
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{npyType, "multipart/byteranges"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
	openapi3filter.RegisterBodyDecoder("text/event-stream", decodeEvents)
	openapi3filter.RegisterBodyDecoder(ndjsonType, decodeLines)
	d := &description{
		T:      spec,
		mux:    http.NewServeMux(),
		routes: map[string]*routers.Route{},
	}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			pattern := method + " " + path
			if strings.HasSuffix(path, "/") {
				pattern += "{$}"
			}
			d.mux.Handle(pattern, http.NotFoundHandler())
			d.routes[pattern] = &routers.Route{
				Spec:      spec,
				Path:      path,
				PathItem:  item,
				Method:    method,
				Operation: op,
			}
		}
	}
	return d, nil
})

// decodeEvents decodes a stream of server-sent events to the array that describes it.
func decodeEvents(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	events := []any{}
	for _, block := range strings.Split(string(text), "\n\n") {
		event := map[string]any{}
		for _, line := range strings.Split(block, "\n") {
			switch name, value, _ := strings.Cut(line, ": "); name {
			case "id", "data":
				var v any
				if err := json.Unmarshal([]byte(value), &v); err != nil {
					return nil, err
				}
				event[name] = v
			case "event":
				event[name] = value
			}
		}
		if len(event) > 0 {
			events = append(events, event)
		}
	}
	return events, nil
}

// decodeLines decodes NDJSON to the array that describes it.
func decodeLines(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	lines := []any{}
	for decoder := json.NewDecoder(body); ; {
		var line any
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
}

func describedAPI(t testing.TB) *description {
	t.Helper()
	d, err := loadDescription()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// route returns the operation of a request, or nil.
func (d *description) route(r *http.Request) *routers.Route {
	_, pattern := d.mux.Handler(r)
	return d.routes[pattern]
}

// undescribed are the headers that do not depend on the operation: those of the protocol, and those that restrict
// browsers and caches.
var undescribed = map[string]bool{
	"Content-Type": true, "Content-Length": true, "Date": true, "Connection": true,
	"X-Content-Type-Options": true, "Referrer-Policy": true, "Content-Security-Policy": true,
	"Cross-Origin-Resource-Policy": true, "Cache-Control": true, "Vary": true,
}

// maxChecked is the size of the largest body that is compared with its schema, in bytes.
const maxChecked = 64 << 10

// check compares the status, headers and body of a response with the description of its operation.
func (d *description) check(ctx context.Context, a received) error {
	route := d.route(a.Request)
	if route == nil || a.Request.Method == http.MethodHead {
		return nil
	}
	if response := route.Operation.Responses.Status(a.StatusCode); response != nil {
		described := maps.Clone(undescribed)
		for name := range response.Value.Headers {
			described[http.CanonicalHeaderKey(name)] = true
		}
		for name := range a.Header {
			if !described[name] {
				return fmt.Errorf("%s %s: response %d has the header %s, which is not described",
					route.Method, route.Path, a.StatusCode, name)
			}
		}
	}
	large := len(a.body) > maxChecked
	var alike string
	if !large {
		alike = likeness(route, a)
		if _, seen := d.seen.Load(alike); seen {
			return nil
		}
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: large}
	err := openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: a.Request,
			Route:   route,
			Options: options,
		},
		Status:  a.StatusCode,
		Header:  a.Header,
		Body:    io.NopCloser(bytes.NewReader(a.body)),
		Options: options,
	})
	if err != nil {
		return fmt.Errorf("%s %s: the response is not as described: %w", route.Method, route.Path, err)
	}
	if !large {
		d.seen.Store(alike, true)
	}
	return nil
}

// TestDescriptionValid validates the description, and its examples against their schemas.
func TestDescriptionValid(t *testing.T) {
	t.Parallel()
	d := describedAPI(t)
	err := d.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation())
	if err != nil {
		t.Errorf("Validate() = %v", err)
	}
}

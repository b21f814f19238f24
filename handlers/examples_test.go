package handlers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/millrace/millrace/handlers"
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

// Every example of a request is sent, and answered as is said. Ids that examples name are replaced by ids that there
// are, files by files.
func TestRequestExamples(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, limits: handlers.Limits{MaxMatrixBytes: 1 << 30}})
	stored := b.upload(t, someElements(2, 2).npy())
	sent := 0
	for pattern, route := range describedAPI(t).routes {
		if route.Operation.RequestBody == nil {
			continue
		}
		for kind, content := range route.Operation.RequestBody.Value.Content {
			for name, value := range examplesOf(content) {
				sent++
				t.Run(route.Operation.OperationID+" "+name, func(t *testing.T) {
					contentType, body := exampleBody(t, kind, value, stored.ID)
					a := b.post(t, route.Path, contentType, body)
					if a.StatusCode/100 != 2 {
						t.Errorf("%s: %s is refused: %s", pattern, kind, a.body)
					}
				})
			}
		}
	}
	if sent < 9 {
		t.Errorf("%d examples", sent)
	}
}

// exampleBody makes of an example what a client would send.
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

// unprovoked are the errors that no request of this test can bring about. TestDatabaseUnavailable and TestStalledUpload do
// it for two of them; the third would be a mistake of ours.
var unprovoked = []string{"408", "500", "503"}

// Every error of every operation occurs, and looks like its example, ids and numbers aside.
func TestErrorExamples(t *testing.T) {
	t.Parallel()
	idle, busy := setupWith(t, options{idle: true}), setup(t)
	faults := provocations(t, idle, busy)
	for _, route := range describedAPI(t).routes {
		for status, response := range route.Operation.Responses.Map() {
			if status < "4" || slices.Contains(unprovoked, status) {
				continue
			}
			name := route.Operation.OperationID + " " + status
			t.Run(name, func(t *testing.T) {
				provoke := faults[name]
				if provoke == nil {
					t.Fatal("nobody knows how it comes about")
				}
				a := provoke().want(t, atoi(t, status))
				example, err := json.Marshal(response.Value.Content["application/problem+json"].Example)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := alike(t, a.body), alike(t, example); !maps.Equal(got, want) {
					t.Errorf("the answer is %v, the example says %v", got, want)
				}
			})
			delete(faults, name)
		}
	}
	for name := range faults {
		t.Errorf("%s is not described", name)
	}
}

var aNumber = regexp.MustCompile(`\d+`)

// alike returns the members of a problem without the ids and numbers that differ from case to case.
func alike(t *testing.T, problem []byte) map[string]string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(problem, &members); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for name, value := range members {
		texts[name] = fmt.Sprint(value)
		if name == "detail" {
			texts[name] = aNumber.ReplaceAllString(anID.ReplaceAllString(texts[name], "ID"), "N")
		}
	}
	return texts
}

// provocations returns, by operation and status, the requests that are answered with the errors that are described.
func provocations(t *testing.T, idle, busy *testBundle) map[string]func() answer {
	const (
		products = "/v1/multiplications"
		matrices = "/v1/matrices"
		nothing  = "/01a20a2b-e14e-7d86-921d-a6528b55629e"
		twoOnes  = `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`
	)
	pending := idle.submit(t, twoOnes)
	done := busy.complete(t, busy.submit(t, twoOnes).ID)
	unfinished := idle.unfinishedUpload(t)
	send := func(b *testBundle, method, path string, headers ...string) func() answer {
		return func() answer { return b.do(t, method, path, nil, headers...) }
	}
	post := func(path, kind, body string) func() answer {
		return func() answer { return idle.do(t, http.MethodPost, path, strings.NewReader(body), "Content-Type", kind) }
	}
	column := strings.TrimSuffix(strings.Repeat("[1],", 3000), ",")
	row := "[" + strings.TrimSuffix(strings.Repeat("1,", 3000), ",") + "]"
	huge := string(npyFile("<f8", "False", "(3000, 3000)", nil))
	faults := map[string]func() answer{
		"submit-simple 400": post("/matrix_multiplication/", jsonType, `{"A": [[1, 2]`),
		"submit-simple 413": post("/matrix_multiplication/", jsonType, `{"A": [`+column+`], "B": [`+row+`]}`),
		"submit-simple 415": post("/matrix_multiplication/", "text/plain", `1`),
		"submit-simple 422": post("/matrix_multiplication/", jsonType, `{"A": [[1, 2]], "B": [[1]]}`),

		"submit-multiplication 400": post(products, jsonType, `{"a": {"values": [[1, 2]`),
		"submit-multiplication 409": post(products, jsonType, `{"a": {"matrix_id": "`+unfinished+`"}, "b": {"values": [[1]]}}`),
		"submit-multiplication 413": post(products, jsonType, `{"a": {"random": {"rows": 3000, "cols": 1}}, "b": {"random": {"rows": 1, "cols": 3000}}}`),
		"submit-multiplication 415": post(products, "text/plain", `1`),
		"submit-multiplication 422": post(products, jsonType, `{"a": {"values": [[1, 2]]}, "b": {"values": [[1]]}}`),

		"list-multiplications 422": send(idle, http.MethodGet, products+"?cursor=1"),

		"create-matrix 400": post(matrices, jsonType, `{"values": [[1, 2]`),
		"create-matrix 413": post(matrices, npyType, huge),
		"create-matrix 415": post(matrices, "text/plain", `1`),
		"create-matrix 422": post(matrices, jsonType, `[[1, 2], [3]]`),

		"get-matrix 404":            send(idle, http.MethodGet, matrices+nothing),
		"delete-matrix 404":         send(idle, http.MethodDelete, matrices+nothing),
		"delete-matrix 409":         send(idle, http.MethodDelete, matrices+"/"+pending.A.MatrixID),
		"get-multiplication 404":    send(idle, http.MethodGet, products+nothing),
		"cancel-multiplication 404": send(idle, http.MethodPost, products+nothing+"/cancel"),
		"cancel-multiplication 409": send(busy, http.MethodPost, products+"/"+done.ID+"/cancel"),
		"retry-multiplication 404":  send(idle, http.MethodPost, products+nothing+"/retry"),
		"retry-multiplication 409":  send(idle, http.MethodPost, products+"/"+pending.ID+"/retry"),
		"delete-multiplication 404": send(idle, http.MethodDelete, products+nothing),
		"delete-multiplication 409": send(idle, http.MethodDelete, products+"/"+pending.ID),

		"get-multiplication-events 400": send(idle, http.MethodGet, products+"/"+pending.ID+"/events?last_event_id=x"),
		"get-multiplication-events 404": send(idle, http.MethodGet, products+nothing+"/events"),
		"get-multiplication-events 406": send(idle, http.MethodGet, products+"/"+pending.ID+"/events", "Accept", "text/html"),

		"get-result 404":         send(idle, http.MethodGet, products+nothing+"/result"),
		"get-result 409":         send(idle, http.MethodGet, products+"/"+pending.ID+"/result"),
		"get-matrix-content 404": send(idle, http.MethodGet, matrices+nothing+"/content"),
		"get-matrix-content 409": send(idle, http.MethodGet, matrices+"/"+unfinished+"/content"),
	}
	keyed := func(path, key string) func() answer { return send(idle, http.MethodPost, path, "Idempotency-Key", key) }
	keyed(products+"/"+idle.submit(t, twoOnes).ID+"/cancel", "used")().want(t, http.StatusOK)
	for _, what := range []string{"cancel", "retry"} {
		faults[what+"-multiplication 400"] = keyed(products+"/"+pending.ID+"/"+what, " ")
		faults[what+"-multiplication 422"] = keyed(products+"/"+pending.ID+"/"+what, "used")
	}
	for name, call := range map[string]struct{ method, path string }{
		"get-overview": {http.MethodGet, "/v1/overview"}, "get-multiplication": {http.MethodGet, products + nothing},
		"delete-multiplication": {http.MethodDelete, products + nothing}, "get-multiplication-events": {http.MethodGet, products + nothing + "/events"},
		"get-matrix": {http.MethodGet, matrices + nothing}, "delete-matrix": {http.MethodDelete, matrices + nothing},
	} {
		faults[name+" 422"] = send(idle, call.method, call.path+"?colour=red")
	}
	for name, path := range map[string]string{
		"get-result": done.Result.Href, "get-matrix-content": matrices + "/" + done.Result.MatrixID + "/content",
	} {
		faults[name+" 406"] = send(busy, http.MethodGet, path, "Accept", "text/html")
		faults[name+" 412"] = send(busy, http.MethodGet, path, "If-Match", `"another"`)
		faults[name+" 422"] = send(busy, http.MethodGet, path+"?rows=0:100")
		faults[name+" 416"] = send(busy, http.MethodGet, path, "Range", "bytes=1000000-")
	}
	return faults
}

// unfinishedUpload begins to upload a matrix and returns its id.
func (b *testBundle) unfinishedUpload(t *testing.T) string {
	t.Helper()
	file := someElements(1000, 700).npy()
	b.rawPost(t, "/v1/matrices", npyType, "Content-Length: "+strconv.Itoa(len(file)), file[:len(file)*3/4])
	var id string
	eventually(t, func() bool {
		err := b.store.Pool.QueryRow(t.Context(), `SELECT id FROM matrices WHERE state = 'uploading'`).Scan(&id)
		return err == nil
	})
	return id
}

// The bodies of answers that the description gives as examples have the members that answers have.
func TestAnswerExamples(t *testing.T) {
	t.Parallel()
	b := setup(t)
	get := describedAPI(t).Paths.Value("/v1/multiplications/{id}").Get
	text, err := json.Marshal(get.Responses.Value("200").Value.Content[jsonType].Example)
	if err != nil {
		t.Fatal(err)
	}
	m := b.complete(t, b.submit(t, `{"a": {"values": [[1, 2], [3, 4]]}, "b": {"values": [[5, 6], [7, 8]]}}`).ID)
	var example handlers.Multiplication
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&example); err != nil {
		t.Fatal(err)
	}
	got, _ := members(t, b.get(t, "/v1/multiplications/"+m.ID).body)
	if want, _ := members(t, text); got != want {
		t.Errorf("an answer has the members %s, the example %s", got, want)
	}
	tiles := b.complete(t, b.submit(t, `{"a": {"random": {"rows": 2600, "cols": 1}}, "b": {"random": {"rows": 1, "cols": 2100}}}`).ID)
	events := b.get(t, "/v1/multiplications/"+tiles.ID+"/events").want(t, http.StatusOK) // which compares them with their description
	if text := string(events.body); !strings.Contains(text, "event: progress") || !strings.Contains(text, "event: state") {
		t.Errorf("%s", text)
	}
	var want, result any
	text, _ = json.Marshal(describedAPI(t).Paths.Value("/v1/multiplications/{id}/result").Get.Responses.Value("200").Value.Content[jsonType].Example)
	if json.Unmarshal(text, &want) != nil || json.Unmarshal(b.get(t, m.Result.Href, "Accept", jsonType).body, &result) != nil {
		t.Fatal("not JSON")
	}
	if g, _ := json.Marshal(result); string(g) != string(text) {
		t.Errorf("the product is %s, the example says %s", g, text)
	}
}

// Every example of a parameter is sent, and accepted. ETags that examples name are replaced by those of the answers.
func TestParameterExamples(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operand := `{"values": ` + someElements(100, 100).json() + `}`
	m := b.complete(t, b.submit(t, `{"a": `+operand+`, "b": `+operand+`}`).ID)
	sent := 0
	for _, route := range describedAPI(t).routes {
		if route.Method != http.MethodGet {
			continue
		}
		id := m.ID
		if strings.HasPrefix(route.Path, "/v1/matrices") {
			id = m.Result.MatrixID
		}
		path := strings.ReplaceAll(route.Path, "{id}", id)
		for _, p := range route.Operation.Parameters {
			sent++
			t.Run(route.Operation.OperationID+" "+p.Value.Name, func(t *testing.T) {
				tag := b.get(t, path).Header.Get("ETag")
				query, headers := parameter(t, p.Value, tag)
				a := b.get(t, path+query, headers...)
				if a.StatusCode >= 400 || a.StatusCode == http.StatusOK && p.Value.Name == "Range" {
					t.Errorf("%s: %v is answered with %s: %.300s", path, p.Value.Example, a.Status, a.body)
				}
			})
		}
	}
	if sent < 15 {
		t.Errorf("%d parameters", sent)
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

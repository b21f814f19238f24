package handlers_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unprovoked are the errors that no request of this test causes. TestDatabaseUnavailable and TestStalledUpload cause
// 503 and 408, TestHeldRequests 429, TestFullBlockStore of package cli and TestReservations of package jobs 507; a 500
// would be a bug.
var unprovoked = []string{"408", "429", "500", "503", "507"}

// TestErrorExamples causes the errors of all operations and compares them with their examples, except for ids and
// numbers.
func TestErrorExamples(t *testing.T) {
	t.Parallel()
	idle := setupWith(t, options{idle: true})
	busy := setup(t)
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
					t.Fatal("no request of the test causes this error")
				}
				a := provoke().want(t, atoi(t, status))
				if route.Method == http.MethodHead { // which has no body
					return
				}
				example, err := json.Marshal(response.Value.Content["application/problem+json"].Example)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := alike(t, a.body), alike(t, example); !maps.Equal(got, want) {
					t.Errorf("the error is %v, want %v as in the example", got, want)
				}
			})
			delete(faults, name)
		}
	}
	for name := range faults {
		t.Errorf("%s is not described", name)
	}
}

// itsParameters matches the list of the parameters of an operation.
var itsParameters = regexp.MustCompile(`this operation has [a-z_, ]+`)

var aNumber = regexp.MustCompile(`\d+`)

// alike returns the members of a problem with placeholders for ids and numbers.
func alike(t *testing.T, problem []byte) map[string]string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(problem, &members); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	delete(members, "request_id") // which no example has
	for name, value := range members {
		texts[name] = itsParameters.ReplaceAllString(fmt.Sprint(value), "this operation has …")
		if name == "detail" {
			texts[name] = aNumber.ReplaceAllString(anID.ReplaceAllString(texts[name], "ID"), "N")
		}
	}
	return texts
}

// provocations returns requests that cause the described errors, by operation and status.
func provocations(t *testing.T, idle, busy *testBundle) map[string]func() received {
	const (
		multiplications = "/v1/multiplications"
		matrices        = "/v1/matrices"
		nothing         = "/01a20a2b-e14e-7d86-921d-a6528b55629e"
		twoOnes         = `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`
	)
	pending := idle.submit(t, twoOnes)
	done := busy.complete(t, busy.submit(t, twoOnes).ID)
	unfinished := idle.unfinishedUpload(t)
	send := func(b *testBundle, method, path string, headers ...string) func() received {
		return func() received { return b.do(t, method, path, nil, headers...) }
	}
	post := func(path, kind, body string) func() received {
		return func() received {
			return idle.do(t, http.MethodPost, path, strings.NewReader(body), "Content-Type", kind)
		}
	}
	column := strings.TrimSuffix(strings.Repeat("[1],", 3000), ",")
	row := "[" + strings.TrimSuffix(strings.Repeat("1,", 3000), ",") + "]"
	huge := string(npyFile("<f8", "False", "(3000, 3000)", nil))
	locked := setupWith(t, options{idle: true, auth: true})
	expired := locked.expiredKey(t)
	others := locked.keysOfOthers(t)
	const webhooks = "/v1/webhooks"
	hook, delivery := idle.hookWithDelivery(t)
	for range 19 {
		post(webhooks, jsonType, `{"url": "https://example.com/", "small": false}`)().want(t, http.StatusCreated)
	}
	faults := map[string]func() received{
		"create-key 400": post("/v1/keys", jsonType, `x`),
		"create-key 413": post("/v1/keys", jsonType, strings.Repeat(" ", 17<<10)),
		"create-key 415": post("/v1/keys", "text/plain", `1`),
		"create-key 422": post("/v1/keys", jsonType, `{"name": "x", "tenant": "acme", "scopes": ["read"]}`),
		"list-keys 422":  send(idle, http.MethodGet, "/v1/keys?colour=red"),
		"revoke-key 404": send(idle, http.MethodDelete, "/v1/keys/0aB3dE5gH7"),
		"sign-in 409":    send(idle, http.MethodPost, "/v1/session"),

		"create-webhook 400":        post(webhooks, jsonType, `x`),
		"create-webhook 409":        post(webhooks, jsonType, `{"url": "https://example.com/"}`),
		"create-webhook 413":        post(webhooks, jsonType, strings.Repeat(" ", 17<<10)),
		"create-webhook 415":        post(webhooks, "text/plain", `1`),
		"create-webhook 422":        post(webhooks, jsonType, `{"url": "https://x:y@example.com/"}`),
		"list-webhooks 422":         send(idle, http.MethodGet, webhooks+"?colour=red"),
		"get-webhook 404":           send(idle, http.MethodGet, webhooks+nothing),
		"delete-webhook 404":        send(idle, http.MethodDelete, webhooks+nothing),
		"rotate-webhook-secret 404": send(idle, http.MethodPost, webhooks+nothing+"/rotate"),
		"enable-webhook 404":        send(idle, http.MethodPost, webhooks+nothing+"/enable"),
		"list-deliveries 404":       send(idle, http.MethodGet, webhooks+nothing+"/deliveries"),
		"list-deliveries 422":       send(idle, http.MethodGet, webhooks+"/"+hook+"/deliveries?before=99999999999999999999"),
		"replay-delivery 404":       send(idle, http.MethodPost, webhooks+"/"+hook+"/deliveries"+nothing+"/replay"),
		"replay-delivery 409":       send(idle, http.MethodPost, webhooks+"/"+hook+"/deliveries/"+delivery+"/replay"),

		"submit-simple 400": post("/matrix_multiplication/", jsonType, `{"A": [[1, 2]`),
		"submit-simple 413": post("/matrix_multiplication/", jsonType, `{"A": [`+column+`], "B": [`+row+`]}`),
		"submit-simple 415": post("/matrix_multiplication/", "text/plain", `1`),
		"submit-simple 422": post("/matrix_multiplication/", jsonType, `{"A": [[1, 2]], "B": [[1]]}`),

		"submit-multiplication 400": post(multiplications, jsonType, `{"a": {"values": [[1, 2]`),
		"submit-multiplication 409": post(multiplications, jsonType,
			`{"a": {"matrix_id": "`+unfinished+`"}, "b": {"values": [[1]]}}`),
		"submit-multiplication 413": post(multiplications, jsonType, randoms(3000, 1, 3000)),
		"submit-multiplication 415": post(multiplications, "text/plain", `1`),
		"submit-multiplication 422": post(multiplications, jsonType, `{"a": {"values": [[1, 2]]}, "b": {"values": [[1]]}}`),

		"submit-batch 400": post(batchPath, jsonType, `[{}`),
		"submit-batch 406": send(idle, http.MethodPost, batchPath, "Accept", "text/html"),
		"submit-batch 413": post(batchPath, ndjsonType, strings.Repeat("{}\n", 10_001)),
		"submit-batch 415": post(batchPath, "text/plain", `1`),
		"submit-batch 422": post(batchPath, jsonType, `{}`),

		"list-multiplications 422": send(idle, http.MethodGet, multiplications+"?cursor=1"),
		"list-matrices 422":        send(idle, http.MethodGet, matrices+"?cursor=1"),
		"get-tiles 404":            send(idle, http.MethodGet, multiplications+nothing+"/tiles"),

		"create-matrix 400": post(matrices, jsonType, `{"values": [[1, 2]`),
		"create-matrix 413": post(matrices, npyType, huge),
		"create-matrix 415": post(matrices, "text/plain", `1`),
		"create-matrix 422": post(matrices, jsonType, `[[1, 2], [3]]`),

		"get-matrix 404":            send(idle, http.MethodGet, matrices+nothing),
		"delete-matrix 404":         send(idle, http.MethodDelete, matrices+nothing),
		"delete-matrix 409":         send(idle, http.MethodDelete, matrices+"/"+pending.A.MatrixID),
		"get-multiplication 404":    send(idle, http.MethodGet, multiplications+nothing),
		"cancel-multiplication 404": send(idle, http.MethodPost, multiplications+nothing+"/cancel"),
		"cancel-multiplication 409": send(busy, http.MethodPost, multiplications+"/"+done.ID+"/cancel"),
		"retry-multiplication 404":  send(idle, http.MethodPost, multiplications+nothing+"/retry"),
		"retry-multiplication 409":  send(idle, http.MethodPost, multiplications+"/"+pending.ID+"/retry"),
		"delete-multiplication 404": send(idle, http.MethodDelete, multiplications+nothing),
		"delete-multiplication 409": send(idle, http.MethodDelete, multiplications+"/"+pending.ID),

		"get-multiplication-events 400": send(idle, http.MethodGet, multiplications+"/"+pending.ID+"/events?last_event_id=x"),
		"get-multiplication-events 404": send(idle, http.MethodGet, multiplications+nothing+"/events"),
		"get-multiplication-events 406": send(idle, http.MethodGet, multiplications+"/"+pending.ID+"/events",
			"Accept", "text/html"),

		"get-result 404":         send(idle, http.MethodGet, multiplications+nothing+"/result"),
		"get-result 409":         send(idle, http.MethodGet, multiplications+"/"+pending.ID+"/result"),
		"get-matrix-content 404": send(idle, http.MethodGet, matrices+nothing+"/content"),
		"get-matrix-content 409": send(idle, http.MethodGet, matrices+"/"+unfinished+"/content"),
	}
	maps.Copy(faults, uploadProvocations(t, idle))
	keyed := func(path, key string) func() received {
		return send(idle, http.MethodPost, path, "Idempotency-Key", key)
	}
	keyed(multiplications+"/"+idle.submit(t, twoOnes).ID+"/cancel", "used")().want(t, http.StatusOK)
	for _, what := range []string{"cancel", "retry"} {
		faults[what+"-multiplication 400"] = keyed(multiplications+"/"+pending.ID+"/"+what, " ")
		faults[what+"-multiplication 422"] = keyed(multiplications+"/"+pending.ID+"/"+what, "used")
	}
	for name, call := range map[string]struct{ method, path string }{
		"get-overview":              {http.MethodGet, "/v1/overview"},
		"get-limits":                {http.MethodGet, "/v1/limits"},
		"get-multiplication":        {http.MethodGet, multiplications + nothing},
		"delete-multiplication":     {http.MethodDelete, multiplications + nothing},
		"get-multiplication-events": {http.MethodGet, multiplications + nothing + "/events"},
		"get-tiles":                 {http.MethodGet, multiplications + nothing + "/tiles"},
		"get-matrix":                {http.MethodGet, matrices + nothing},
		"delete-matrix":             {http.MethodDelete, matrices + nothing},
		"revoke-key":                {http.MethodDelete, "/v1/keys/0aB3dE5gH7"},
		"get-upload":                {http.MethodHead, "/v1/uploads" + nothing},
		"append-upload":             {http.MethodPatch, "/v1/uploads" + nothing},
		"cancel-upload":             {http.MethodDelete, "/v1/uploads" + nothing},
		"get-webhook":               {http.MethodGet, webhooks + nothing},
		"delete-webhook":            {http.MethodDelete, webhooks + nothing},
		"rotate-webhook-secret":     {http.MethodPost, webhooks + nothing + "/rotate"},
		"enable-webhook":            {http.MethodPost, webhooks + nothing + "/enable"},
		"replay-delivery":           {http.MethodPost, webhooks + nothing + "/deliveries" + nothing + "/replay"},
		"get-session":               {http.MethodGet, "/v1/session"},
		"sign-in":                   {http.MethodPost, "/v1/session"},
		"sign-out":                  {http.MethodDelete, "/v1/session"},
	} {
		faults[name+" 422"] = send(idle, call.method, call.path+"?colour=red")
	}
	for name, call := range map[string]struct{ method, path string }{
		"list-multiplications":  {http.MethodGet, multiplications},
		"list-matrices":         {http.MethodGet, matrices},
		"get-multiplication":    {http.MethodGet, multiplications + "/" + done.ID},
		"delete-multiplication": {http.MethodDelete, multiplications + "/" + done.ID},
		"get-matrix":            {http.MethodGet, matrices + "/" + done.Result.MatrixID},
		"delete-matrix":         {http.MethodDelete, matrices + "/" + done.Result.MatrixID},
	} {
		faults[name+" 412"] = send(busy, call.method, call.path, "If-Match", `"another"`)
	}
	for _, route := range describedAPI(t).routes {
		path := strings.Replace(route.Path, "/{id}", nothing, 1)
		operation := route.Operation.OperationID
		need := needOf(route.Operation)
		switch {
		case need != "":
			faults[operation+" 403"] = send(locked, route.Method, path, "Authorization", "Bearer "+others[need])
		case route.Method != http.MethodGet:
			faults[operation+" 403"] = send(idle, route.Method, path, "Sec-Fetch-Site", "cross-site")
		}
		if !isPublic(route.Operation) {
			faults[operation+" 401"] = send(locked, route.Method, path, "Authorization", "Bearer "+expired)
		}
	}
	for name, path := range map[string]string{
		"get-result": done.Result.Href, "get-matrix-content": matrices + "/" + done.Result.MatrixID + "/content",
	} {
		faults[name+" 406"] = send(busy, http.MethodGet, path, "Accept", "text/html")
		faults[name+" 412"] = send(busy, http.MethodGet, path, "If-Match", `"another"`)
		faults[name+" 422"] = send(busy, http.MethodGet, path+"?colour=red")
		faults[name+" 416"] = send(busy, http.MethodGet, path, "Range", "bytes=1000000-")
	}
	return faults
}

// unfinishedUpload starts the upload of a matrix and returns its id.
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

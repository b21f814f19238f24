package handlers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/store"
)

const smallSubmission = `{"a": {"values": [[1]]}, "b": {"values": [[2]]}}`

// keyed sends a request with a key.
func (b *testBundle) keyed(t testing.TB, key, path, contentType string, body []byte) received {
	t.Helper()
	return b.do(t, http.MethodPost, path, bytes.NewReader(body), "Content-Type", contentType, "Idempotency-Key", key)
}

// repeats checks that a response repeats the first one.
func (a received) repeats(t testing.TB, first received) {
	t.Helper()
	got, want := a.Header.Get("Location"), first.Header.Get("Location")
	if a.StatusCode != first.StatusCode || !bytes.Equal(a.body, first.body) || got != want {
		t.Errorf("got %s %s %s\nwant %s %s %s", a.Status, got, a.body, first.Status, want, first.body)
	}
	if got := first.Header.Get("Idempotent-Replayed"); got != "" {
		t.Errorf("Idempotent-Replayed of the first response is %q, want none", got)
	}
	if got := a.Header.Get("Idempotent-Replayed"); got != "true" {
		t.Errorf("Idempotent-Replayed of the repetition is %q, want true", got)
	}
}

func TestRepeatedRequest(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	other := b.replica(t)
	large, column := someElements(300, 100), someElements(100, 1)
	multipart, both := form(t, part{"a", large.npy()}, part{"priority", []byte("3")}, part{"b", column.fortran()})
	for i, c := range []struct {
		path, contentType string
		body              []byte
		status            int
	}{
		{"/matrix_multiplication/", jsonType, []byte(`{"A": [[1,2],[3,4]], "B": [[5,6],[7,8]]}`), http.StatusAccepted},
		{"/v1/multiplications", jsonType, []byte(smallSubmission), http.StatusAccepted},
		{"/v1/multiplications", jsonType, []byte(`{"a": {"values": ` + large.json() + `},
			"b": {"random": {"rows": 100, "cols": 1}}}`), http.StatusAccepted},
		{"/v1/multiplications", multipart, both, http.StatusAccepted},
		{"/v1/matrices", npyType, large.npy(), http.StatusCreated},
		{"/v1/matrices", "application/octet-stream", column.fortran(), http.StatusCreated},
		{"/v1/matrices", jsonType, []byte(large.json()), http.StatusCreated},
		{"/v1/matrices", jsonType, []byte(`{"random": {"rows": 3, "cols": 3}}`), http.StatusCreated},
	} {
		t.Run(fmt.Sprintf("%d %s", i, c.path), func(t *testing.T) {
			key := uuid.NewString()
			first := b.keyed(t, key, c.path, c.contentType, c.body).want(t, c.status)
			before := b.kept(t)
			contentType, body := c.contentType, c.body
			if body := string(c.body); strings.HasPrefix(contentType, "multipart/") { // as curl tries again
				_, boundary, _ := strings.Cut(contentType, "boundary=")
				contentType = "multipart/form-data; boundary=another"
				c.body = []byte(strings.ReplaceAll(body, boundary, "another"))
			}
			for _, replica := range []*testBundle{b, other, b} {
				replica.keyed(t, key, c.path, contentType, c.body).repeats(t, first)
			}
			b.keyed(t, `"`+key+`"`, c.path, c.contentType, body).repeats(t, first)
			b.wantKept(t, before)
			other := b.keyed(t, uuid.NewString(), c.path, c.contentType, body).want(t, c.status)
			if bytes.Equal(other.body, first.body) {
				t.Errorf("another key has the same response %s", other.body)
			}
		})
	}
}

func TestRepeatedChange(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	path := "/v1/multiplications/" + b.submit(t, smallSubmission).ID
	change := func(key, what string) received { return b.keyed(t, key, path+"/"+what, "", nil) }

	change("r0", "retry").want(t, http.StatusConflict)
	cancelled := change("c1", "cancel").want(t, http.StatusOK)
	change("c1", "cancel").repeats(t, cancelled)
	change("c2", "cancel").want(t, http.StatusOK) // to cancel twice is no error, and has a key of its own
	retried := change("r0", "retry").want(t, http.StatusOK)
	if m := decode[resource.Multiplication](t, retried); m.State != "pending" {
		t.Errorf("the retried one is %s, want pending", m.State)
	}
	change("r0", "retry").repeats(t, retried) // which without a key would be a conflict
	change("", "retry").want(t, http.StatusBadRequest)
	change("c1", "cancel").repeats(t, cancelled)
	if m := b.status(t, path[len("/v1/multiplications/"):]); m.State != "pending" {
		t.Errorf("after the repetition it is %s, want pending", m.State)
	}
	change("c1", "retry").want(t, http.StatusUnprocessableEntity)
	other := b.submit(t, smallSubmission).ID
	b.keyed(t, "c1", "/v1/multiplications/"+other+"/cancel", "", nil).want(t, http.StatusUnprocessableEntity)
	if m := b.status(t, other); m.State != "pending" {
		t.Errorf("the other one is %s, want pending", m.State)
	}
}

func TestKeyOfAnotherRequest(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	x, y := someElements(200, 100), someElements(100, 200)
	multipart, both := form(t, part{"a", x.npy()}, part{"b", y.npy()})
	b.keyed(t, "json", "/v1/multiplications", jsonType, []byte(smallSubmission)).want(t, http.StatusAccepted)
	b.keyed(t, "form", "/v1/multiplications", multipart, both).want(t, http.StatusAccepted)
	b.keyed(t, "npy", "/v1/matrices", npyType, x.npy()).want(t, http.StatusCreated)
	before := b.kept(t)
	refuse := func(key, path, contentType string, body []byte) {
		t.Helper()
		a := b.keyed(t, key, path, contentType, body).want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(string(a.body), "Idempotency-Key") {
			t.Errorf("got %s, want Idempotency-Key in it", a.body)
		}
	}
	refuse("json", "/v1/multiplications", jsonType, []byte(smallSubmission+" "))
	refuse("json", "/v1/multiplications", jsonType, []byte("nonsense"))
	refuse("json", "/v1/multiplications", jsonType, nil)
	refuse("json", "/v1/multiplications", multipart, both)
	refuse("json", "/v1/matrices", jsonType, []byte(smallSubmission))
	refuse("npy", "/v1/matrices", npyType, x.fortran())
	refuse("npy", "/v1/matrices", npyType, x.npy()[:1000])
	refuse("npy", "/v1/matrices", jsonType, x.npy())
	for _, parts := range [][]part{
		{{"b", y.npy()}, {"a", x.npy()}},
		{{"a", x.npy()}, {"b", y.fortran()}},
		{{"a", x.npy()}},
		{{"a", x.npy()}, {"b", y.npy()}, {"priority", []byte("2")}},
		{{"b", x.npy()}, {"b", y.npy()}},
		{},
	} {
		contentType, body := form(t, parts...)
		refuse("form", "/v1/multiplications", contentType, body)
	}
	b.keyed(t, "form", "/v1/multiplications", multipart, both[:len(both)/2]).want(t, http.StatusBadRequest)
	b.keyed(t, "json", "/v1/multiplications", "text/plain", nil).want(t, http.StatusUnsupportedMediaType)
	b.wantKept(t, before)
}

// TestKeyOfRefusedRequest: a request that is refused does not use its key.
func TestKeyOfRefusedRequest(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	large := someElements(100, 100).json()
	for _, text := range []string{
		`{"a": {"values": ` + large + `}, "b": {"values": [[1]]}}`, `{"a": {"values": ` + large + `}`, `{}`, `nonsense`,
	} {
		b.keyed(t, "k", "/v1/multiplications", jsonType, []byte(text))
	}
	b.wantKept(t, kept{})
	first := b.keyed(t, "k", "/v1/multiplications", jsonType, []byte(smallSubmission)).want(t, http.StatusAccepted)
	b.keyed(t, "k", "/v1/multiplications", jsonType, []byte(smallSubmission)).repeats(t, first)
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	path := "/v1/multiplications/" + b.submit(t, smallSubmission).ID + "/cancel"
	for _, keys := range [][]string{
		{""}, {`""`}, {`"`}, {`"x`}, {`"x"y`}, {`"a\b"`}, {strings.Repeat("x", 256)}, {`"` + strings.Repeat("x", 256) + `"`},
		{"ä"}, {"a\tb"}, {"a\x80"}, {"a", "a"}, {"a", "b"}, {"", "a"},
	} {
		for _, path := range []string{"/matrix_multiplication/", "/v1/multiplications", "/v1/matrices", path} {
			before := b.kept(t)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL+path, strings.NewReader(`[[1]]`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{"Content-Type": {jsonType}, "Idempotency-Key": keys}
			response, err := b.server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			a := received{Response: response}
			a.read(t)
			if a.want(t, http.StatusBadRequest); !strings.Contains(string(a.body), "Idempotency-Key") {
				t.Errorf("keys %q: got %s, want Idempotency-Key in it", keys, a.body)
			}
			b.wantKept(t, before)
		}
	}
	long := strings.Repeat("x", 255)
	for _, key := range []string{"x", long, `"` + long + `"`, "a b, c;d=e", `a"b`, `"a\"b\\c"`} {
		first := b.keyed(t, key, "/v1/matrices", jsonType, []byte(`[[1]]`)).want(t, http.StatusCreated)
		if key == `"`+long+`"` { // the same as without the quotes
			continue
		}
		b.keyed(t, key, "/v1/matrices", jsonType, []byte(`[[1]]`)).repeats(t, first)
	}
}

func TestExpiredKey(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	send := func(body string) received {
		t.Helper()
		return b.keyed(t, "k", "/v1/matrices", jsonType, []byte(body)).want(t, http.StatusCreated)
	}
	expire := func() {
		t.Helper()
		b.exec(t, "UPDATE idempotency_keys SET expires_at = now() - interval '1 second'")
	}
	first := send(`[[1]]`)
	expire()
	second := send(`[[2]]`) // although it is not swept yet
	if bytes.Equal(first.body, second.body) {
		t.Errorf("the response to another request with an expired key is %s, want a new one", second.body)
	}
	send(`[[2]]`).repeats(t, second)
	if swept, err := b.store.SweepExpired(t.Context()); err != nil || swept.Keys != 0 {
		t.Errorf("SweepExpired() = %+v, %v, want no keys", swept, err)
	}
	expire()
	if swept, err := b.store.SweepExpired(t.Context()); err != nil || swept != (store.Swept{Keys: 1}) {
		t.Errorf("SweepExpired() = %+v, %v, want 1 key", swept, err)
	}
}

// TestRepeatedRequestWaits: a repetition may wait, although the first request did not. It waits for the multiplication
// that was accepted first.
func TestRepeatedRequestWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	send := func(wait string) received {
		t.Helper()
		return b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(smallSubmission),
			"Content-Type", jsonType, "Idempotency-Key", "k", "Prefer", wait)
	}
	first := decode[resource.Multiplication](t, send("").want(t, http.StatusAccepted))
	a := send("wait=60").want(t, http.StatusOK)
	m := decode[resource.Multiplication](t, a)
	if m.ID != first.ID || m.State != "completed" || string(m.Result.Values) != "[[2]]" {
		t.Errorf("the repetition got %s, want multiplication %s with the result [[2]]", a.body, first.ID)
	}
	for _, name := range []string{"Idempotent-Replayed", "Preference-Applied", "Location"} {
		if a.Header.Get(name) == "" {
			t.Errorf("headers %v, want %s", a.Header, name)
		}
	}
	if m := decode[resource.Multiplication](t, send("").want(t, http.StatusAccepted)); m.State != "pending" {
		t.Errorf("the saved response is %s, want pending", m.State)
	}
}

package handlers_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/store"
)

const smallProduct = `{"a": {"values": [[1]]}, "b": {"values": [[2]]}}`

// keyed sends a request with a key.
func (b *testBundle) keyed(t testing.TB, key, path, contentType string, body []byte) answer {
	t.Helper()
	return b.do(t, http.MethodPost, path, bytes.NewReader(body), "Content-Type", contentType, "Idempotency-Key", key)
}

// repeats checks that an answer is another one again.
func (a answer) repeats(t testing.TB, first answer) {
	t.Helper()
	if a.StatusCode != first.StatusCode || !bytes.Equal(a.body, first.body) || a.Header.Get("Location") != first.Header.Get("Location") {
		t.Errorf("first %s %s %s\nthen %s %s %s", first.Status, first.Header.Get("Location"), first.body,
			a.Status, a.Header.Get("Location"), a.body)
	}
	if a.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("Idempotent-Replayed is %q, then %q", first.Header.Get("Idempotent-Replayed"), a.Header.Get("Idempotent-Replayed"))
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
		{"/v1/multiplications", jsonType, []byte(smallProduct), http.StatusAccepted},
		{"/v1/multiplications", jsonType, []byte(`{"a": {"values": ` + large.json() + `}, "b": {"random": {"rows": 100, "cols": 1}}}`), http.StatusAccepted},
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
			if after := b.kept(t); after != before {
				t.Errorf("there were %+v, now there are %+v", before, after)
			}
			if again := b.keyed(t, uuid.NewString(), c.path, c.contentType, body).want(t, c.status); bytes.Equal(again.body, first.body) {
				t.Error("another key has the same answer")
			}
		})
	}
}

func TestRepeatedChange(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	path := "/v1/multiplications/" + b.submit(t, smallProduct).ID
	change := func(key, what string) answer { return b.keyed(t, key, path+"/"+what, "", nil) }

	change("r0", "retry").want(t, http.StatusConflict)
	cancelled := change("c1", "cancel").want(t, http.StatusOK)
	change("c1", "cancel").repeats(t, cancelled)
	change("c2", "cancel").want(t, http.StatusOK) // to cancel twice is no error, and has a key of its own
	retried := change("r0", "retry").want(t, http.StatusOK)
	if m := decode[resource.Multiplication](t, retried); m.State != "pending" {
		t.Errorf("it is %s", m.State)
	}
	change("r0", "retry").repeats(t, retried) // which without a key would be a conflict
	change("", "retry").want(t, http.StatusBadRequest)
	change("c1", "cancel").repeats(t, cancelled)
	if m := b.status(t, path[len("/v1/multiplications/"):]); m.State != "pending" {
		t.Errorf("the repetition has made it %s", m.State)
	}
	change("c1", "retry").want(t, http.StatusUnprocessableEntity)
	other := b.submit(t, smallProduct).ID
	b.keyed(t, "c1", "/v1/multiplications/"+other+"/cancel", "", nil).want(t, http.StatusUnprocessableEntity)
	if m := b.status(t, other); m.State != "pending" {
		t.Errorf("the other one is %s", m.State)
	}
}

func TestKeyOfAnotherRequest(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	x, y := someElements(200, 100), someElements(100, 200)
	multipart, both := form(t, part{"a", x.npy()}, part{"b", y.npy()})
	b.keyed(t, "json", "/v1/multiplications", jsonType, []byte(smallProduct)).want(t, http.StatusAccepted)
	b.keyed(t, "form", "/v1/multiplications", multipart, both).want(t, http.StatusAccepted)
	b.keyed(t, "npy", "/v1/matrices", npyType, x.npy()).want(t, http.StatusCreated)
	before := b.kept(t)
	refuse := func(key, path, contentType string, body []byte) {
		t.Helper()
		a := b.keyed(t, key, path, contentType, body).want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(string(a.body), "Idempotency-Key") {
			t.Errorf("got %s", a.body)
		}
	}
	refuse("json", "/v1/multiplications", jsonType, []byte(smallProduct+" "))
	refuse("json", "/v1/multiplications", jsonType, []byte("nonsense"))
	refuse("json", "/v1/multiplications", jsonType, nil)
	refuse("json", "/v1/multiplications", multipart, both)
	refuse("json", "/v1/matrices", jsonType, []byte(smallProduct))
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
	if after := b.kept(t); after != before {
		t.Errorf("there were %+v, now there are %+v", before, after)
	}
}

// A request that is refused has used no key.
func TestKeyOfRefusedRequest(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	large := someElements(100, 100).json()
	for _, text := range []string{
		`{"a": {"values": ` + large + `}, "b": {"values": [[1]]}}`, `{"a": {"values": ` + large + `}`, `{}`, `nonsense`,
	} {
		b.keyed(t, "k", "/v1/multiplications", jsonType, []byte(text))
	}
	if k := b.kept(t); k != (kept{}) {
		t.Errorf("there are %+v", k)
	}
	first := b.keyed(t, "k", "/v1/multiplications", jsonType, []byte(smallProduct)).want(t, http.StatusAccepted)
	b.keyed(t, "k", "/v1/multiplications", jsonType, []byte(smallProduct)).repeats(t, first)
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	path := "/v1/multiplications/" + b.submit(t, smallProduct).ID + "/cancel"
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
			a := answer{Response: response}
			a.read(t)
			if a.want(t, http.StatusBadRequest); !strings.Contains(string(a.body), "Idempotency-Key") {
				t.Errorf("%q: %s", keys, a.body)
			}
			if after := b.kept(t); after != before {
				t.Errorf("%q: there were %+v, now there are %+v", keys, before, after)
			}
		}
	}
	for _, key := range []string{"x", strings.Repeat("x", 255), `"` + strings.Repeat("x", 255) + `"`, "a b, c;d=e", `a"b`, `"a\"b\\c"`} {
		first := b.keyed(t, key, "/v1/matrices", jsonType, []byte(`[[1]]`)).want(t, http.StatusCreated)
		if key == `"`+strings.Repeat("x", 255)+`"` { // the same as without the quotes
			continue
		}
		b.keyed(t, key, "/v1/matrices", jsonType, []byte(`[[1]]`)).repeats(t, first)
	}
}

func TestExpiredKey(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	send := func(body string) answer {
		t.Helper()
		return b.keyed(t, "k", "/v1/matrices", jsonType, []byte(body)).want(t, http.StatusCreated)
	}
	expire := func() {
		t.Helper()
		if _, err := b.store.Pool.Exec(t.Context(), "UPDATE idempotency_keys SET expires_at = now() - interval '1 second'"); err != nil {
			t.Fatal(err)
		}
	}
	first := send(`[[1]]`)
	expire()
	second := send(`[[2]]`) // although nobody has swept
	if bytes.Equal(first.body, second.body) {
		t.Error("an expired key is remembered")
	}
	send(`[[2]]`).repeats(t, second)
	if swept, err := b.store.SweepExpired(t.Context()); err != nil || swept.Keys != 0 {
		t.Errorf("swept %+v, %v", swept, err)
	}
	expire()
	if swept, err := b.store.SweepExpired(t.Context()); err != nil || swept != (store.Swept{Keys: 1}) {
		t.Errorf("swept %+v, %v", swept, err)
	}
}

// TestConcurrentRequests: of requests with one key that are at their end at the same moment one is accepted; the others are
// given its answer and leave nothing behind.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	replicas := []*testBundle{b, b.replica(t)}
	id := b.submit(t, smallProduct).ID
	b.cancel(t, id).want(t, http.StatusOK)
	multipart, both := form(t, part{"a", someElements(300, 100).npy()}, part{"b", someElements(100, 300).fortran()})
	const clients = 6
	for _, c := range []struct {
		path, contentType string
		body              []byte
		more              kept
	}{
		{"/v1/multiplications", multipart, both, kept{matrices: 3, owners: 2, multiplications: 1, tiles: 1}},
		{"/v1/multiplications", jsonType, []byte(smallProduct), kept{matrices: 3, multiplications: 1, tiles: 1}},
		{"/v1/matrices", npyType, someElements(500, 100).npy(), kept{matrices: 1, owners: 1}},
		{"/v1/multiplications/" + id + "/retry", "", nil, kept{}},
	} {
		t.Run(c.path, func(t *testing.T) {
			key, want := uuid.NewString(), b.kept(t)
			want.matrices += c.more.matrices
			want.owners += c.more.owners
			want.multiplications += c.more.multiplications
			want.tiles += c.more.tiles
			release := b.holdKey(t, key)
			answers := make([]answer, clients)
			var group sync.WaitGroup
			for i := range answers {
				group.Go(func() { answers[i] = replicas[i%2].keyed(t, key, c.path, c.contentType, c.body) })
			}
			eventually(t, func() bool { return b.waiting(t) == clients })
			release()
			group.Wait()
			var first []answer
			for _, a := range answers {
				if a.Header.Get("Idempotent-Replayed") == "" {
					first = append(first, a)
				}
			}
			if len(first) != 1 || first[0].StatusCode/100 != 2 {
				t.Fatalf("%d are not repetitions: %v", len(first), first)
			}
			for _, a := range answers {
				if a.Response != first[0].Response {
					a.repeats(t, first[0])
				}
			}
			if got := b.kept(t); got != want {
				t.Errorf("there are %+v, want %+v", got, want)
			}
		})
	}
}

// holdKey writes a key in a transaction that stays open until release is called, and is rolled back then. Requests that
// want to write the key wait meanwhile.
func (b *testBundle) holdKey(t *testing.T, key string) (release func()) {
	t.Helper()
	tx, err := b.store.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(t.Context()) })
	_, err = tx.Exec(t.Context(), `INSERT INTO idempotency_keys (key, fingerprint, status, location, body, expires_at)
		VALUES ($1, $2, 200, '', '', now() + interval '1 hour')`, key, make([]byte, sha256.Size))
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// waiting counts the connections that wait for others.
func (b *testBundle) waiting(t *testing.T) (n int) {
	t.Helper()
	err := b.store.Pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A repetition may wait, although the first request did not: the wait is for the product that was accepted then.
func TestRepeatedRequestWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	send := func(wait string) answer {
		t.Helper()
		return b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(smallProduct),
			"Content-Type", jsonType, "Idempotency-Key", "k", "Prefer", wait)
	}
	first := decode[resource.Multiplication](t, send("").want(t, http.StatusAccepted))
	a := send("wait=60").want(t, http.StatusOK)
	m := decode[resource.Multiplication](t, a)
	if m.ID != first.ID || m.State != "completed" || string(m.Result.Values) != "[[2]]" {
		t.Errorf("got %s", a.body)
	}
	if a.Header.Get("Idempotent-Replayed") != "true" || a.Header.Get("Preference-Applied") == "" || a.Header.Get("Location") == "" {
		t.Errorf("headers %v", a.Header)
	}
	if m := decode[resource.Multiplication](t, send("").want(t, http.StatusAccepted)); m.State != "pending" {
		t.Errorf("what is kept is %s", m.State)
	}
}

package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/resource"
)

const twoByTwo = `{"a": {"values": [[1,2],[3,4]]}, "b": {"values": [[5,6],[7,8]]}}`

// postWait submits with a Prefer header.
func (b *testBundle) postWait(t testing.TB, body, prefer string) answer {
	t.Helper()
	return b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(body), "Content-Type", jsonType, "Prefer", prefer)
}

// applied checks what the answer says of the preference.
func (a answer) applied(t testing.TB, want string) answer {
	t.Helper()
	if got := a.Header.Get("Preference-Applied"); got != want {
		t.Errorf("Preference-Applied: %q, want %q", got, want)
	}
	return a
}

// values checks the numbers in an answer.
func (a answer) values(t testing.TB, want string) resource.Multiplication {
	t.Helper()
	m := decode[resource.Multiplication](t, a)
	if m.State != "completed" || string(m.Result.Values) != want {
		t.Errorf("it is %s, %+v, want the values %s", m.State, m.Result, want)
	}
	return m
}

// A small product comes back in one round trip.
func TestWaitForProduct(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.postWait(t, twoByTwo, "wait=60").want(t, http.StatusOK).applied(t, "wait=60")
	m := a.values(t, "[[19,22],[43,50]]")
	if location := a.Header.Get("Location"); location != "/v1/multiplications/"+m.ID {
		t.Errorf("Location: %s", location)
	}
	b.do(t, http.MethodPost, "/matrix_multiplication/", strings.NewReader(`{"A": [[2]], "B": [[3]]}`),
		"Content-Type", jsonType, "Prefer", "respond-async, wait=3600").want(t, http.StatusOK).applied(t, "wait=60").values(t, "[[6]]")
	a = b.get(t, "/v1/multiplications/"+m.ID, "Prefer", "wait=1").want(t, http.StatusOK).applied(t, "wait=1")
	a.values(t, "[[19,22],[43,50]]")
	if a.Header.Get("Vary") != "Prefer" || a.Header.Get("ETag") == "" {
		t.Errorf("header %v", a.Header)
	}
	b.get(t, "/v1/multiplications/"+m.ID, "Prefer", "wait=1", "If-None-Match", a.Header.Get("ETag")).want(t, http.StatusNotModified)
	b.get(t, "/v1/multiplications/"+m.ID).want(t, http.StatusOK).applied(t, "").values(t, "")
	contentType, body := form(t, part{"a", newElements(1, 2, 1, 2).npy()}, part{"b", newElements(2, 1, 3, 0.25).npy()})
	b.do(t, http.MethodPost, "/v1/multiplications", bytes.NewReader(body), "Content-Type", contentType, "Prefer", "wait=60").
		want(t, http.StatusOK).values(t, "[[3.5]]")
}

func TestWaitForProductWithoutValues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wait := func(x, y elements) answer {
		t.Helper()
		contentType, body := form(t, part{"a", x.npy()}, part{"b", y.npy()})
		return b.do(t, http.MethodPost, "/v1/multiplications", bytes.NewReader(body), "Content-Type", contentType, "Prefer", "wait=60").
			want(t, http.StatusOK)
	}
	wait(newElements(1, 1, math.Inf(1)), newElements(1, 1, 1)).values(t, "") // no JSON form
	wait(newElements(1, 1, math.NaN()), newElements(1, 1, 1)).values(t, "")
	wait(someElements(91, 91), someElements(91, 91)).values(t, "") // more than 64 KiB
	x := someElements(90, 91)
	m := decode[resource.Multiplication](t, wait(x, someElements(91, 91))) // and not more
	var rows [][]float64
	if err := json.Unmarshal(m.Result.Values, &rows); err != nil {
		t.Fatal(err)
	}
	want := x.times(someElements(91, 91))
	if len(rows) != 90 || rows[89][90] != want.data[90*91-1] || rows[0][0] != want.data[0] {
		t.Errorf("%d rows", len(rows))
	}
	b.postWait(t, `{"a": {"random": {"rows": 2, "cols": 0}}, "b": {"random": {"rows": 0, "cols": 2}}}`, "wait=60").
		want(t, http.StatusOK).values(t, "[[0,0],[0,0]]")
	b.postWait(t, `{"a": {"random": {"rows": 2, "cols": 1}}, "b": {"random": {"rows": 1, "cols": 0}}}`, "wait=60").
		want(t, http.StatusOK).values(t, "[[],[]]")
	b.postWait(t, `{"a": {"random": {"rows": 1000000000, "cols": 1}}, "b": {"random": {"rows": 1, "cols": 0}}}`, "wait=60").
		want(t, http.StatusOK).values(t, "")
}

// Nobody works: what waits is answered with the state of the moment.
func TestWaitInVain(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	pending := func(a answer) string {
		t.Helper()
		m := decode[resource.Multiplication](t, a)
		if m.State != "pending" {
			t.Errorf("it is %s", m.State)
		}
		return m.ID
	}
	for prefer, applied := range map[string]string{"wait=1": "wait=1", "wait=0": "wait=0", "respond-async": "", "wait=soon": "", "": ""} {
		a := b.postWait(t, twoByTwo, prefer).want(t, http.StatusAccepted).applied(t, applied)
		id := pending(a)
		if a.Header.Get("Location") != "/v1/multiplications/"+id {
			t.Errorf("Location: %s", a.Header.Get("Location"))
		}
		pending(b.get(t, "/v1/multiplications/"+id, "Prefer", prefer).want(t, http.StatusOK).applied(t, applied))
	}
	b.get(t, "/v1/multiplications/"+uuid.NewString(), "Prefer", "wait=60").want(t, http.StatusNotFound)
	b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(`{"a": 1}`), "Content-Type", jsonType, "Prefer", "wait=60").
		want(t, http.StatusUnprocessableEntity).applied(t, "")
}

// waitInBackground asks with a long wait, and returns when that has begun.
func (b *testBundle) waitInBackground(t *testing.T, path string) chan answer {
	t.Helper()
	answers := make(chan answer, 1)
	go func() { answers <- b.get(t, path, "Prefer", "wait=60") }()
	eventually(t, func() bool { return b.hub.Watched() == 1 })
	return answers
}

func TestWaitEndsWithTheProduct(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	path := "/v1/multiplications/" + b.submit(t, twoByTwo).ID
	state := func(answers chan answer, want string) {
		t.Helper()
		if m := decode[resource.Multiplication](t, (<-answers).want(t, http.StatusOK)); m.State != want {
			t.Errorf("it is %s, want %s", m.State, want)
		}
	}
	answers := b.waitInBackground(t, path)
	b.do(t, http.MethodPost, path+"/cancel", nil).want(t, http.StatusOK)
	state(answers, "cancelled")

	b.do(t, http.MethodPost, path+"/retry", nil, "Prefer", "wait=0").want(t, http.StatusOK).applied(t, "wait=0")
	answers = b.waitInBackground(t, path)
	b.do(t, http.MethodPost, path+"/cancel", nil).want(t, http.StatusOK)
	state(answers, "cancelled")

	// A wait for the retried product is not answered with what it was before.
	retried := make(chan answer, 1)
	go func() { retried <- b.do(t, http.MethodPost, path+"/retry", nil, "Prefer", "wait=60") }()
	eventually(t, func() bool { return b.hub.Watched() == 1 })
	b.do(t, http.MethodPost, path+"/cancel", nil).want(t, http.StatusOK)
	state(retried, "cancelled")

	b.do(t, http.MethodPost, path+"/retry", nil).want(t, http.StatusOK)
	answers = b.waitInBackground(t, path)
	b.exec(t, "DELETE FROM multiplications WHERE id = $1", strings.TrimPrefix(path, "/v1/multiplications/"))
	(<-answers).want(t, http.StatusNotFound)
}

// The cancellation of a product of many tiles, which run, ends all waits for it.
func TestWaitForCancelledTiles(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{limits: handlers.Limits{MaxMatrixBytes: 4 << 30}})
	const many = `{"random": {"rows": 20000, "cols": 20000}}`
	id := b.submit(t, `{"a": `+many+`, "b": `+many+`}`).ID
	answers := b.waitInBackground(t, "/v1/multiplications/"+id)
	b.await(t, id, func(m resource.Multiplication) bool { return m.State == "in_progress" && m.Tiles.Running > 0 })
	b.cancel(t, id).want(t, http.StatusOK)
	m := decode[resource.Multiplication](t, (<-answers).want(t, http.StatusOK))
	if m.State != "cancelled" || m.Result != nil {
		t.Errorf("got %+v", m)
	}
}

// When a client hangs up nobody waits any more, whatever has been read of its request.
func TestWaitHangUp(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	contentType, file := form(t, part{"a", newElements(1, 1, 1).npy()}, part{"b", newElements(1, 1, 1).npy()})
	for name, request := range map[string]struct {
		contentType string
		body        io.Reader
	}{
		"JSON":                   {jsonType, strings.NewReader(twoByTwo)},
		"JSON of unknown length": {jsonType, io.MultiReader(strings.NewReader(twoByTwo))},
		"a form":                 {contentType, bytes.NewReader(file)},
		"a form in chunks":       {contentType, io.MultiReader(bytes.NewReader(file), strings.NewReader("an epilogue"))},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, hangUp := context.WithCancel(t.Context())
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.server.URL+"/v1/multiplications", request.body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", request.contentType)
			r.Header.Set("Prefer", "wait=60")
			ended := make(chan error)
			go func() {
				response, err := b.server.Client().Do(r)
				if err == nil {
					_ = response.Body.Close()
				}
				ended <- err
			}()
			eventually(t, func() bool { return b.hub.Watched() == 1 })
			hangUp()
			if err := <-ended; err == nil {
				t.Error("it was answered")
			}
			eventually(t, func() bool { return b.hub.Watched() == 0 })
		})
	}
}

// What follows the last part of a form is no reason to wait for ever.
func TestEndlessEpilogue(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	contentType, file := form(t, part{"a", newElements(1, 1, 1).npy()}, part{"b", newElements(1, 1, 1).npy()})
	body := io.MultiReader(bytes.NewReader(file), strings.NewReader(strings.Repeat("x", 1<<20)))
	b.rejects(t, "/v1/multiplications", contentType, body, http.StatusBadRequest, "last part")
}

// A server that stops answers all who wait, with what it knows, and ends.
func TestWaitUntilStopped(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	answers := b.waitInBackground(t, "/v1/multiplications/"+b.submit(t, twoByTwo).ID)
	submitted := make(chan answer, 1)
	go func() { submitted <- b.postWait(t, twoByTwo, "wait=60") }()
	eventually(t, func() bool { return b.hub.Watched() == 2 })
	b.hub.Stop()
	b.server.Close() // returns when all requests have been answered
	for _, a := range []answer{(<-answers).want(t, http.StatusOK), (<-submitted).want(t, http.StatusAccepted)} {
		if m := decode[resource.Multiplication](t, a); m.State != "pending" {
			t.Errorf("it is %s", m.State)
		}
	}
}

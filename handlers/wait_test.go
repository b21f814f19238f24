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
func (b *testBundle) postWait(t testing.TB, body, prefer string) received {
	t.Helper()
	return b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(body),
		"Content-Type", jsonType, "Prefer", prefer)
}

// applied checks the Preference-Applied header of a response.
func (a received) applied(t testing.TB, want string) received {
	t.Helper()
	if got := a.Header.Get("Preference-Applied"); got != want {
		t.Errorf("Preference-Applied %q, want %q", got, want)
	}
	return a
}

// values checks that a multiplication is completed and its result has these values.
func (a received) values(t testing.TB, want string) resource.Multiplication {
	t.Helper()
	m := decode[resource.Multiplication](t, a)
	if m.State != "completed" || string(m.Result.Values) != want {
		t.Errorf("it is %s with the result %+v, want the values %s", m.State, m.Result, want)
	}
	return m
}

// TestWaitForResult: a small result is in the response to its submission.
func TestWaitForResult(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.postWait(t, twoByTwo, "wait=60").want(t, http.StatusOK).applied(t, "wait=60")
	m := a.values(t, "[[19,22],[43,50]]")
	if location := a.Header.Get("Location"); location != "/v1/multiplications/"+m.ID {
		t.Errorf("Location %q, want the path of %s", location, m.ID)
	}
	b.do(t, http.MethodPost, "/matrix_multiplication/", strings.NewReader(`{"A": [[2]], "B": [[3]]}`),
		"Content-Type", jsonType, "Prefer", "respond-async, wait=3600").
		want(t, http.StatusOK).applied(t, "wait=60").values(t, "[[6]]")
	a = b.get(t, "/v1/multiplications/"+m.ID, "Prefer", "wait=1").want(t, http.StatusOK).applied(t, "wait=1")
	a.values(t, "[[19,22],[43,50]]")
	if a.Header.Get("Vary") != "Prefer" || a.Header.Get("ETag") == "" {
		t.Errorf("headers %v, want Vary and ETag", a.Header)
	}
	b.get(t, "/v1/multiplications/"+m.ID, "Prefer", "wait=1", "If-None-Match", a.Header.Get("ETag")).
		want(t, http.StatusNotModified)
	b.get(t, "/v1/multiplications/"+m.ID).want(t, http.StatusOK).applied(t, "").values(t, "")
	contentType, body := form(t, part{"a", newElements(1, 2, 1, 2).npy()}, part{"b", newElements(2, 1, 3, 0.25).npy()})
	b.do(t, http.MethodPost, "/v1/multiplications", bytes.NewReader(body),
		"Content-Type", contentType, "Prefer", "wait=60").want(t, http.StatusOK).values(t, "[[3.5]]")
}

func TestWaitForResultWithoutValues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wait := func(x, y elements) received {
		t.Helper()
		contentType, body := form(t, part{"a", x.npy()}, part{"b", y.npy()})
		return b.do(t, http.MethodPost, "/v1/multiplications", bytes.NewReader(body),
			"Content-Type", contentType, "Prefer", "wait=60").want(t, http.StatusOK)
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
		t.Errorf("%d rows, want 90 with the right elements", len(rows))
	}
	b.postWait(t, randoms(2, 0, 2), "wait=60").
		want(t, http.StatusOK).values(t, "[[0,0],[0,0]]")
	b.postWait(t, randoms(2, 1, 0), "wait=60").
		want(t, http.StatusOK).values(t, "[[],[]]")
	b.postWait(t, randoms(8_000_000, 1, 0), "wait=60").
		want(t, http.StatusOK).values(t, "")
}

// TestWaitInVain: the response to a wait that ends too early has the present state.
func TestWaitInVain(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	pending := func(a received) string {
		t.Helper()
		m := decode[resource.Multiplication](t, a)
		if m.State != "pending" {
			t.Errorf("it is %s, want pending", m.State)
		}
		return m.ID
	}
	for prefer, applied := range map[string]string{
		"wait=1": "wait=1", "wait=0": "wait=0", "respond-async": "", "wait=soon": "", "": "",
	} {
		a := b.postWait(t, twoByTwo, prefer).want(t, http.StatusAccepted).applied(t, applied)
		id := pending(a)
		if got := a.Header.Get("Location"); got != "/v1/multiplications/"+id {
			t.Errorf("Location %q, want the path of %s", got, id)
		}
		pending(b.get(t, "/v1/multiplications/"+id, "Prefer", prefer).want(t, http.StatusOK).applied(t, applied))
	}
	b.get(t, "/v1/multiplications/"+uuid.NewString(), "Prefer", "wait=60").want(t, http.StatusNotFound)
	b.postWait(t, `{"a": 1}`, "wait=60").want(t, http.StatusUnprocessableEntity).applied(t, "")
}

// waitInBackground sends a request with a long wait, and returns when that has begun.
func (b *testBundle) waitInBackground(t *testing.T, path string) chan received {
	t.Helper()
	responses := make(chan received, 1)
	go func() { responses <- b.get(t, path, "Prefer", "wait=60") }()
	eventually(t, func() bool { return b.hub.Watched() == 1 })
	return responses
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	path := "/v1/multiplications/" + b.submit(t, twoByTwo).ID
	state := func(responses chan received, want string) {
		t.Helper()
		if m := decode[resource.Multiplication](t, (<-responses).want(t, http.StatusOK)); m.State != want {
			t.Errorf("the waiter got %s, want %s", m.State, want)
		}
	}
	responses := b.waitInBackground(t, path)
	b.do(t, http.MethodPost, path+"/cancel", nil).want(t, http.StatusOK)
	state(responses, "cancelled")

	b.do(t, http.MethodPost, path+"/retry", nil, "Prefer", "wait=0").want(t, http.StatusOK).applied(t, "wait=0")
	responses = b.waitInBackground(t, path)
	b.do(t, http.MethodPost, path+"/cancel", nil).want(t, http.StatusOK)
	state(responses, "cancelled")

	// A wait for the retried one does not end with its state before.
	retried := make(chan received, 1)
	go func() { retried <- b.do(t, http.MethodPost, path+"/retry", nil, "Prefer", "wait=60") }()
	eventually(t, func() bool { return b.hub.Watched() == 1 })
	b.do(t, http.MethodPost, path+"/cancel", nil).want(t, http.StatusOK)
	state(retried, "cancelled")

	b.do(t, http.MethodPost, path+"/retry", nil).want(t, http.StatusOK)
	responses = b.waitInBackground(t, path)
	b.exec(t, "DELETE FROM multiplications WHERE id = $1", strings.TrimPrefix(path, "/v1/multiplications/"))
	(<-responses).want(t, http.StatusNotFound)
}

// TestWaitForCancelledTiles: the cancellation of a multiplication whose tiles run ends a wait for it.
func TestWaitForCancelledTiles(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{limits: handlers.Limits{MaxMatrixBytes: 4 << 30}})
	const order = `{"a": {"random": {"rows": 2000, "cols": 200000}}, "b": {"random": {"rows": 200000, "cols": 2000}}}`
	id := b.submit(t, order).ID
	responses := b.waitInBackground(t, "/v1/multiplications/"+id)
	b.await(t, id, func(m resource.Multiplication) bool { return m.State == "in_progress" && m.Tiles.Running > 0 })
	b.cancel(t, id).want(t, http.StatusOK)
	m := decode[resource.Multiplication](t, (<-responses).want(t, http.StatusOK))
	if m.State != "cancelled" || m.Result != nil {
		t.Errorf("the waiter got %+v, want it cancelled", m)
	}
}

// TestWaitHangUp: a wait ends when its client hangs up, whatever form the body of its request has.
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
				t.Error("the request of a client that hung up succeeds, want an error")
			}
			eventually(t, func() bool { return b.hub.Watched() == 0 })
		})
	}
}

// TestEndlessEpilogue: a body that goes on after the last part of a form is refused.
func TestEndlessEpilogue(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	contentType, file := form(t, part{"a", newElements(1, 1, 1).npy()}, part{"b", newElements(1, 1, 1).npy()})
	body := io.MultiReader(bytes.NewReader(file), strings.NewReader(strings.Repeat("x", 1<<20)))
	b.rejects(t, "/v1/multiplications", contentType, body, http.StatusBadRequest, "last part")
}

// TestWaitUntilStopped: a server that stops responds to waiters with the present state.
func TestWaitUntilStopped(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	responses := b.waitInBackground(t, "/v1/multiplications/"+b.submit(t, twoByTwo).ID)
	submitted := make(chan received, 1)
	go func() { submitted <- b.postWait(t, twoByTwo, "wait=60") }()
	eventually(t, func() bool { return b.hub.Watched() == 2 })
	b.hub.Stop()
	b.server.Close() // returns when the requests have ended
	for _, a := range []received{(<-responses).want(t, http.StatusOK), (<-submitted).want(t, http.StatusAccepted)} {
		if m := decode[resource.Multiplication](t, a); m.State != "pending" {
			t.Errorf("it is %s, want pending", m.State)
		}
	}
}

package handlers_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/resource"
)

// submit sends a valid submission.
func (b *testBundle) submit(t testing.TB, body string) resource.Multiplication {
	t.Helper()
	a := b.post(t, "/v1/multiplications", jsonType, []byte(body)).want(t, http.StatusAccepted)
	return decode[resource.Multiplication](t, a)
}

// upload stores a .npy file.
func (b *testBundle) upload(t testing.TB, file []byte) resource.Matrix {
	t.Helper()
	return decode[resource.Matrix](t, b.post(t, "/v1/matrices", npyType, file).want(t, http.StatusCreated))
}

// status returns the present state of a multiplication.
func (b *testBundle) status(t testing.TB, id string) resource.Multiplication {
	t.Helper()
	return decode[resource.Multiplication](t, b.get(t, "/v1/multiplications/"+id).want(t, http.StatusOK))
}

// await asks for a multiplication until it is as done says.
func (b *testBundle) await(t testing.TB, id string, done func(resource.Multiplication) bool) resource.Multiplication {
	t.Helper()
	var m resource.Multiplication
	eventually(t, func() bool {
		m = b.status(t, id)
		return done(m)
	})
	return m
}

// complete waits until a multiplication has a result.
func (b *testBundle) complete(t testing.TB, id string) resource.Multiplication {
	t.Helper()
	m := b.await(t, id, func(m resource.Multiplication) bool { return m.FinishedAt != nil })
	if m.State != "completed" {
		t.Fatalf("%s is %s: %s", id, m.State, m.Failure)
	}
	return m
}

// eventually waits until done returns true. It is for states of which a client gets no notice.
func eventually(t testing.TB, done func() bool) {
	t.Helper()
	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-limit.Done():
			t.Fatal("the state has not come within a minute")
		}
	}
}

package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/store/blocks"
)

func (b *testBundle) delete(t *testing.T, path string) received {
	t.Helper()
	return b.do(t, http.MethodDelete, path, nil)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const random = `{"random": {"rows": 300, "cols": 300}}`
	m := b.await(t, b.submit(t, `{"a": `+random+`, "b": `+random+`}`).ID,
		func(m resource.Multiplication) bool { return m.State == "completed" })
	result := m.Result.MatrixID

	t.Run("a matrix in use", func(t *testing.T) {
		for _, id := range []string{m.A.MatrixID, result} {
			a := b.delete(t, "/v1/matrices/"+id).want(t, http.StatusConflict)
			if !strings.Contains(string(a.body), m.ID) {
				t.Errorf("got %s, want the multiplication %s in it", a.body, m.ID)
			}
		}
	})
	t.Run("a multiplication whose result is used", func(t *testing.T) {
		used := b.submit(t, `{"a": {"matrix_id": "`+result+`"}, "b": `+random+`}`)
		b.await(t, used.ID, func(m resource.Multiplication) bool { return m.State == "completed" })
		b.delete(t, "/v1/multiplications/"+m.ID).want(t, http.StatusNoContent)
		b.get(t, "/v1/multiplications/"+m.ID).want(t, http.StatusNotFound)
		b.get(t, "/v1/matrices/"+result+"/content").want(t, http.StatusOK)
		b.delete(t, "/v1/multiplications/"+used.ID).want(t, http.StatusNoContent)
		b.get(t, "/v1/matrices/"+used.A.MatrixID).want(t, http.StatusOK) // no longer a result
	})
	t.Run("a matrix that is free", func(t *testing.T) {
		for _, id := range []string{result, m.A.MatrixID} {
			b.delete(t, "/v1/matrices/"+id).want(t, http.StatusNoContent)
			b.delete(t, "/v1/matrices/"+id).want(t, http.StatusNotFound)
		}
		owners, err := blocks.AllOwners(t.Context(), b.store.Blocks)
		if err != nil || len(owners) != 0 {
			t.Errorf("Owners() = %v, %v, want none", owners, err)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		for _, path := range []string{"/v1/multiplications/", "/v1/matrices/"} {
			b.delete(t, path+uuid.NewString()).want(t, http.StatusNotFound)
			b.delete(t, path+"x").want(t, http.StatusNotFound)
		}
	})
}

func TestDeleteAndRetryByState(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	const small = `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`
	id := b.submit(t, small).ID
	retry := func() received {
		t.Helper()
		return b.do(t, http.MethodPost, "/v1/multiplications/"+id+"/retry", nil)
	}
	b.delete(t, "/v1/multiplications/"+id).want(t, http.StatusConflict)
	retry().want(t, http.StatusConflict)
	b.cancel(t, id).want(t, http.StatusOK)
	m := decode[resource.Multiplication](t, retry().want(t, http.StatusOK))
	if m.State != "pending" || m.FinishedAt != nil {
		t.Errorf("after the retry: %+v, want it pending", m)
	}
	b.cancel(t, id).want(t, http.StatusOK)
	b.delete(t, "/v1/multiplications/"+id).want(t, http.StatusNoContent)
	retry().want(t, http.StatusNotFound)
}

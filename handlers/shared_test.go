package handlers_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
)

// TestDeleteShared: matrices that share blocks are deleted, or kept, independently of each other.
func TestDeleteShared(t *testing.T) {
	t.Parallel()
	for _, files := range []bool{false, true} {
		b := setupWith(t, options{files: files})
		x, column := someElements(300, 100), someElements(100, 1)
		first, second := b.upload(t, x.npy()), b.upload(t, x.fortran())
		a := b.post(t, "/v1/matrices", jsonType, []byte(x.json())).want(t, http.StatusCreated)
		third := decode[resource.Matrix](t, a)
		if first.ID == second.ID || second.Digest != first.Digest || third.Digest != first.Digest {
			t.Errorf("got %+v, %+v and %+v, want the same digest three times", first, second, third)
		}
		if n := b.kept(t).owners; n != 1 {
			t.Errorf("%d matrices have blocks, want 1", n)
		}
		reads := func(id string) {
			t.Helper()
			if a := b.get(t, "/v1/matrices/"+id+"/content").want(t, http.StatusOK); !bytes.Equal(a.body, x.npy()) {
				t.Errorf("wrong content of %s", id)
			}
		}
		m := b.submit(t, `{"a": {"matrix_id": "`+second.ID+`"}, "b": {"values": `+column.json()+`}}`)
		b.delete(t, "/v1/matrices/"+first.ID).want(t, http.StatusNoContent)
		b.get(t, "/v1/matrices/"+first.ID).want(t, http.StatusNotFound)
		b.get(t, "/v1/matrices/"+first.ID+"/content").want(t, http.StatusNotFound)
		b.delete(t, "/v1/matrices/"+first.ID).want(t, http.StatusNotFound)
		b.rejects(t, "/v1/multiplications", jsonType,
			strings.NewReader(`{"a": {"matrix_id": "`+first.ID+`"}, "b": {"values": [[1]]}}`), invalid, "no matrix")
		reads(second.ID)
		b.delete(t, "/v1/matrices/"+third.ID).want(t, http.StatusNoContent)
		reads(second.ID)
		b.checkResult(t, m.ID, x.times(column))
		if a := b.delete(t, "/v1/matrices/"+second.ID).want(t, http.StatusConflict); !strings.Contains(string(a.body), m.ID) {
			t.Errorf("got %s, want the multiplication %s in it", a.body, m.ID)
		}
		b.delete(t, "/v1/multiplications/"+m.ID).want(t, http.StatusNoContent)
		b.delete(t, "/v1/matrices/"+second.ID).want(t, http.StatusNoContent)
		if _, err := b.store.SweepExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := b.kept(t).owners; n != 0 {
			t.Errorf("%d matrices have blocks, want none", n)
		}
	}
}

// TestShareResult: a result whose digest is known shares its blocks with an upload of the same content, which
// outlives the multiplication.
func TestShareResult(t *testing.T) {
	t.Parallel()
	b := setup(t)
	x, y := someElements(2100, 1), someElements(1, 2600)
	m := b.complete(t, b.submit(t, `{"a": {"values": `+x.json()+`}, "b": {"values": `+y.json()+`}}`).ID)
	file := b.get(t, m.Result.Href).want(t, http.StatusOK).body
	same := b.upload(t, file)
	if n := b.kept(t).owners; n != 1 {
		t.Errorf("%d matrices have blocks, want 1", n)
	}
	b.delete(t, "/v1/multiplications/"+m.ID).want(t, http.StatusNoContent)
	if a := b.get(t, "/v1/matrices/"+same.ID+"/content").want(t, http.StatusOK); !bytes.Equal(a.body, file) {
		t.Error("wrong content")
	}
	b.delete(t, "/v1/matrices/"+same.ID).want(t, http.StatusNoContent)
	if _, err := b.store.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.kept(t).owners; n != 0 {
		t.Errorf("%d matrices have blocks, want none", n)
	}
}

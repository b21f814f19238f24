package handlers_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/resource"
)

// TestReadingIsUse: what is read expires later: a matrix, and a result with its multiplication. What is looked at does
// not.
func TestReadingIsUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operand := b.upload(t, someElements(260, 1030).npy())
	m := b.complete(t, b.submit(t, `{"a": {"matrix_id": "`+operand.ID+`"}, "b": {"random": {"rows": 1030, "cols": 260}}}`).ID)
	soon := time.Now().Add(time.Minute)
	for _, table := range []string{"matrices", "multiplications"} {
		b.exec(t, "UPDATE "+table+" SET expires_at = $1", soon)
	}
	late := func(at *time.Time) bool { return at != nil && at.After(soon.Add(time.Minute)) }
	matrix := func(id string) resource.Matrix {
		return decode[resource.Matrix](t, b.get(t, "/v1/matrices/"+id).want(t, http.StatusOK))
	}
	if status := b.status(t, m.ID); late(status.ExpiresAt) || late(new(matrix(operand.ID).ExpiresAt)) {
		t.Errorf("what is looked at expires at %v, want %v", status.ExpiresAt, soon)
	}
	b.get(t, "/v1/multiplications/"+m.ID+"/result").want(t, http.StatusOK)
	if status := b.status(t, m.ID); !late(status.ExpiresAt) {
		t.Errorf("a multiplication whose result is read expires at %v, want later", status.ExpiresAt)
	}
	if late(new(matrix(operand.ID).ExpiresAt)) {
		t.Error("the operand expires later, although only the result is read")
	}
	b.get(t, "/v1/matrices/"+operand.ID+"/content").want(t, http.StatusOK)
	if at := matrix(operand.ID).ExpiresAt; !late(&at) {
		t.Errorf("a matrix that is read expires at %v, want later", at)
	}
}

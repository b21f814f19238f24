package handlers_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/store/blocks"
)

// kept counts what is stored. It does not count jobs of the maintenance.
type kept struct{ matrices, owners, multiplications, tiles, inline int }

func (b *testBundle) kept(t testing.TB) kept {
	t.Helper()
	var k kept
	const sql = `SELECT (SELECT count(*) FROM matrices), (SELECT count(*) FROM multiplications),
		(SELECT count(*) FROM river_job WHERE kind = 'multiply_tile'),
		(SELECT count(*) FROM inline_pending) + (SELECT count(*) FROM inline_completed)`
	err := b.store.Pool.QueryRow(t.Context(), sql).Scan(&k.matrices, &k.multiplications, &k.tiles, &k.inline)
	if err != nil {
		t.Fatal(err)
	}
	owners, err := blocks.AllOwners(t.Context(), b.store.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	k.owners = len(owners)
	return k
}

// wantKept fails the test unless exactly want is stored.
func (b *testBundle) wantKept(t testing.TB, want kept) {
	t.Helper()
	if got := b.kept(t); got != want {
		t.Errorf("%+v is stored, want %+v", got, want)
	}
}

// any4xx is for requests with several faults, each of which may be reported.
const any4xx = 4

// rejects sends a request with a fault. The response must have the status and each of the words, and nothing may be
// stored.
func (b *testBundle) rejects(t testing.TB, path, contentType string, body io.Reader, status int, words ...string) {
	t.Helper()
	before := b.kept(t)
	a := b.do(t, http.MethodPost, path, body, "Content-Type", contentType)
	if status != any4xx || a.StatusCode/100 != 4 {
		a.want(t, status)
	}
	for _, word := range words {
		if !strings.Contains(string(a.body), word) {
			t.Errorf("got %s, want %q in it", a.body, word)
		}
	}
	b.wantKept(t, before)
}

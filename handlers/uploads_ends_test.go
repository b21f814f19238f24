package handlers_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/blocks"
)

// TestUploadsThatCannotGoOn: what becomes no matrix is deleted, and so is what is cancelled.
func TestUploadsThatCannotGoOn(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	file, _ := zeros()
	wrong := "sha-256=:" + strings.Repeat("A", 43) + "=:"
	for name, c := range map[string]struct {
		headers []string
		file    []byte
		status  int
	}{
		"no .npy file":      {nil, bytes.Repeat([]byte("x"), len(file)), http.StatusBadRequest},
		"another length":    {nil, append(slices.Clone(file), 0), http.StatusBadRequest},
		"another digest":    {[]string{"Repr-Digest", wrong}, file, http.StatusBadRequest},
		"unsuitable number": {nil, npyFile("<i8", "False", "(1, 150000)", bytes.Repeat([]byte{0x7f}, 150_000*8)), 422},
	} {
		path := b.begin(t, len(c.file), c.headers...)
		b.appendTo(t, path, 0, c.file, true).want(t, c.status)
		if b.do(t, http.MethodHead, path, nil).StatusCode != http.StatusNotFound {
			t.Errorf("%s: the upload is still there", name)
		}
	}
	path := b.begin(t, len(file))
	b.cut(t, path, 0, file[:len(file)-1], 1)
	if b.offset(t, path) == 0 {
		t.Error("nothing of the upload is there")
	}
	b.delete(t, path).want(t, http.StatusNoContent)
	b.do(t, http.MethodHead, path, nil).want(t, http.StatusNotFound)
	if owners, err := blocks.AllOwners(t.Context(), b.store.Blocks); err != nil || len(owners) > 0 {
		t.Errorf("blocks of %v are left, %v", owners, err)
	}
	for _, headers := range [][]string{
		{"Upload-Complete", "?0"}, {"Upload-Complete", "?0", "Upload-Length", "1000"},
		{"Upload-Complete", "?0", "Upload-Length", "1e9"},
	} {
		b.do(t, http.MethodPost, "/v1/matrices", nil, append(headers, "Content-Type", npyType)...).
			want(t, http.StatusUnprocessableEntity)
	}
	b.do(t, http.MethodPost, "/v1/matrices", nil, "Upload-Complete", "?0", "Upload-Length", "9999999999", "Content-Type",
		npyType).want(t, http.StatusRequestEntityTooLarge)
}

// TestUploadIsBegunOnce: an upload that is begun twice with one key is one, also when it has gone on meanwhile.
func TestUploadIsBegunOnce(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	file, _ := zeros()
	headers := map[string]string{
		"Content-Type":    npyType,
		"Upload-Complete": "?0",
		"Upload-Length":   strconv.Itoa(len(file)),
		"Idempotency-Key": "once",
	}
	begin := func() received {
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			pairs = append(pairs, name, headers[name])
		}
		return b.do(t, http.MethodPost, "/v1/matrices", nil, pairs...)
	}
	first := begin().want(t, http.StatusAccepted)
	path := first.Header.Get("Location")
	b.cut(t, path, 0, file[:len(file)-1], 1)
	again := begin().want(t, http.StatusAccepted)
	if again.Header.Get("Location") != path || again.Header.Get("Idempotent-Replayed") != "true" ||
		again.Header.Get("Upload-Offset") == "0" {
		t.Errorf("again: %v, want the upload %s as far as it has come", again.Header, path)
	}
	headers["Upload-Length"] = "2000000"
	begin().want(t, http.StatusUnprocessableEntity)
}

// TestUploadCompletesLate: an upload completes however long that takes, also when its content is there already and the
// copy is deleted, and its connection serves the requests that follow.
func TestUploadCompletesLate(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	e := someElements(700, 1024)
	file := e.npy()
	b.do(t, http.MethodPost, "/v1/matrices", bytes.NewReader(file), "Content-Type", npyType).want(t, http.StatusCreated)
	for _, locked := range []string{
		"SELECT FROM matrices WHERE id = $1 FOR UPDATE",
		"SELECT FROM blocks WHERE matrix_id = $1 FOR UPDATE",
	} {
		path := b.begin(t, len(file))
		const first = 128 + 512*1024*8
		b.appendTo(t, path, 0, file[:first], false).want(t, http.StatusNoContent)
		tx, err := b.store.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), locked, path[len("/v1/uploads/"):]); err != nil {
			t.Fatal(err)
		}
		const several = 2500 * time.Millisecond // renewals of the right to append
		time.AfterFunc(several, func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
		a := b.appendTo(t, path, first, file[first:], true).want(t, http.StatusCreated)
		if a.Close {
			t.Errorf("%s: the connection is closed, want it to go on", locked)
		}
		b.checkMatrix(t, a, e, "upload")
	}
}

// zeros returns a .npy file of several stripes.
func zeros() ([]byte, matrix.Shape) {
	shape := matrix.Shape{
		Rows:  700,
		Cols:  1024,
		DType: matrix.Float64,
	}
	return append(npy.AppendHeader(nil, shape), make([]byte, shape.Bytes())...), shape
}

// TestUnfinishedUploadsExpire: an upload that does not go on is swept with its blocks when its time is over, and counts
// as stored until then.
func TestUnfinishedUploadsExpire(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	file, shape := zeros()
	path := b.begin(t, len(file))
	b.cut(t, path, 0, file[:len(file)-1], 1)
	if got := decode[resource.Limits](t, b.get(t, "/v1/limits")); got.StoredBytes.Used != float64(shape.Bytes()) {
		t.Errorf("%v is stored, want %d bytes", got, shape.Bytes())
	}
	if _, err := b.store.SweepExpired(t.Context()); err != nil || b.offset(t, path) == 0 {
		t.Fatalf("a sweep: %v, and the upload is gone", err)
	}
	b.exec(t, `UPDATE matrices SET expires_at = expires_at - interval '61 minutes'`)
	b.exec(t, `UPDATE uploads SET expires_at = expires_at - interval '61 minutes'`)
	b.do(t, http.MethodHead, path, nil).want(t, http.StatusNotFound)
	if _, err := b.store.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows int
	err := b.store.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM uploads) + (SELECT count(*) FROM matrices)`).
		Scan(&rows)
	owners, e := blocks.AllOwners(t.Context(), b.store.Blocks)
	if err = errors.Join(err, e); err != nil || rows != 0 || len(owners) != 0 {
		t.Errorf("%d rows and blocks of %v are left, %v, want none", rows, owners, err)
	}
}

// uploadAttempts is attempts for an upload.
func uploadAttempts() map[string][]attempt {
	const upload = "/v1/uploads/" + placeholder
	headers := []string{"Content-Type", partType, "Upload-Offset", "0", "Upload-Complete", "?1"}
	return map[string][]attempt{
		"HEAD /v1/uploads/{id}":   {{path: upload}},
		"PATCH /v1/uploads/{id}":  {{path: upload, body: "x", headers: headers}},
		"DELETE /v1/uploads/{id}": {{path: upload}},
	}
}

// uploadProvocations returns requests that cause the described errors of uploads.
func uploadProvocations(t *testing.T, b *testBundle) map[string]func() received {
	const nothing = "/v1/uploads/01a20a2b-e14e-7d86-921d-a6528b55629e"
	path := b.begin(t, 60<<20)
	large := b.begin(t, 60<<20) // it ends when it is found to be too large
	held := b.begin(t, 60<<20)
	b.exec(t, `UPDATE uploads SET held_until = now() + interval '5 seconds' WHERE id = $1`, held[len("/v1/uploads/"):])
	send := func(method, path string) func() received {
		return func() received { return b.do(t, method, path, nil) }
	}
	patch := func(path, kind, offset, body string) func() received {
		return func() received {
			return b.do(t, http.MethodPatch, path, strings.NewReader(body), "Content-Type", kind, "Upload-Offset", offset,
				"Upload-Complete", "?0")
		}
	}
	return map[string]func() received{
		"get-upload 404":    send(http.MethodHead, nothing),
		"get-upload 409":    send(http.MethodHead, held),
		"cancel-upload 404": send(http.MethodDelete, nothing),
		"append-upload 400": patch(path, partType, "first", "x"),
		"append-upload 404": patch(nothing, partType, "0", "x"),
		"append-upload 409": patch(path, partType, "33554560", "x"),
		"append-upload 413": patch(large, partType, "0", string(npyFile("<f8", "False", "(3000, 3000)", nil))),
		"append-upload 415": patch(path, "text/plain", "0", "x"),
	}
}

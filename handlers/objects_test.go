package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"

	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/objects"
)

// withObjects returns a service that may reach objects with a prefix, and a client of their bucket. Where the prefix
// ends with read, or write, it may do only that; and a store at another address does not respond.
func withObjects(t *testing.T) (b *testBundle, raw *minio.Core, prefix string) {
	t.Helper()
	prefix = uuid.NewString()
	address := func(below string) string {
		return fmt.Sprintf("s3://%s/%s/%s?endpoint=http://%s", s3server.Bucket, prefix, below, s3server.Start(t))
	}
	settings := []string{
		address("both") + "=read,write", address("read") + "=read", "other:" + address("others") + "=read,write",
		"s3://away?endpoint=http://127.0.0.1:1=read,write",
	}
	room, err := objects.Open(settings, "postgres", func(context.Context, identity.TenantID) (string, error) {
		return "default", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return setupWith(t, options{objects: room, accept: jobs.Limits{Reuse: true}}), s3server.Raw(t), prefix
}

// objectJSON is an object as operands and outputs name it.
func objectJSON(key string) string { return objectIn(s3server.Bucket, key) }

func objectIn(bucket, key string) string {
	return fmt.Sprintf(`{"s3": {"bucket": %q, "key": %q}}`, bucket, key)
}

// randomFile returns a random matrix as a .npy file.
func randomFile(t *testing.T, rows, cols int64, seed uint64) []byte {
	t.Helper()
	shape := matrix.Shape{
		Rows:  rows,
		Cols:  cols,
		DType: matrix.Float64,
	}
	text, err := io.ReadAll(npy.NewFile(t.Context(), matrix.NewRandom(shape, seed), 1))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestObjects: operands are read from a bucket, and the result is there when the multiplication is completed: the same
// bytes as with operands that were uploaded.
func TestObjects(t *testing.T) {
	t.Parallel()
	b, raw, prefix := withObjects(t)
	a, c := randomFile(t, 300, 200, 1), randomFile(t, 200, 400, 2)
	s3server.Put(t, raw, prefix+"/read/a.npy", a)
	s3server.Put(t, raw, prefix+"/both/b ü.npy", c)
	key := prefix + "/both/c.npy"
	order := fmt.Sprintf(`{"a": %s, "b": %s, "output": %s}`,
		objectJSON(prefix+"/read/a.npy"), objectJSON(prefix+"/both/b ü.npy"), objectJSON(key))
	m := b.complete(t, b.submit(t, order).ID)
	written, etag := s3server.Get(t, raw, key)
	object := resource.Object{
		Bucket: s3server.Bucket,
		Key:    key,
		ETag:   etag,
	}
	if m.Output == nil || m.Output.S3 != object || m.Tiles.Total != 2 {
		t.Errorf("output %+v and %d tiles, want the object with ETag %q, and 2", m.Output, m.Tiles.Total, etag)
	}
	got := b.get(t, m.Result.Href, "Accept", npyType).want(t, http.StatusOK)
	same := b.complete(t, b.submit(t, fmt.Sprintf(`{"a": {"matrix_id": %q}, "b": {"matrix_id": %q}}`,
		b.upload(t, a).ID, b.upload(t, c).ID)).ID)
	want := b.get(t, same.Result.Href, "Accept", npyType).want(t, http.StatusOK)
	if !bytes.Equal(got.body, want.body) || !bytes.Equal(written, want.body) {
		t.Errorf("the result has %d bytes and the object %d, or others than the %d that uploads lead to", len(got.body),
			len(written), len(want.body))
	}
	operand := decode[resource.Matrix](t, b.get(t, "/v1/matrices/"+m.A.MatrixID).want(t, http.StatusOK))
	if operand.Source != "s3" || operand.S3 == nil || operand.S3.Key != prefix+"/read/a.npy" || operand.S3.ETag == "" {
		t.Errorf("the operand is %+v, want the object", operand)
	}
	content := b.get(t, "/v1/matrices/"+m.A.MatrixID+"/content", "Accept", npyType).want(t, http.StatusOK)
	if !bytes.Equal(content.body, a) {
		t.Error("the content of the operand is not that of the object")
	}
	// As a matrix of its own, then in a batch.
	made := decode[resource.Matrix](t, b.post(t, "/v1/matrices", jsonType,
		[]byte(objectJSON(prefix+"/read/a.npy"))).want(t, http.StatusCreated))
	list := decode[resource.MatrixList](t, b.get(t, "/v1/matrices?source=s3").want(t, http.StatusOK))
	all := decode[resource.MatrixList](t, b.get(t, "/v1/matrices").want(t, http.StatusOK))
	if newest := list.Items[0]; newest.ID != made.ID || newest.S3 == nil || *newest.S3 != *made.S3 || all.Items[0].ID != made.ID {
		t.Errorf("the newest matrices are %+v, of them in buckets %+v, want %+v", all.Items[0], newest, made)
	}
	batch := b.batch(t, jsonType, fmt.Sprintf(`[{"a": {"matrix_id": %q}, "b": {"random": {"rows": 200, "cols": 1}}},
		{"a": %s, "b": %[2]s}, {"a": {"values": [[1]]}, "b": {"values": [[1]]}, "output": %[3]s}]`,
		made.ID, objectJSON(prefix+"/read/a.npy"), objectJSON(key))).want(t, http.StatusOK)
	items := decode[resource.Batch](t, batch).Items
	if items[0].Status != http.StatusAccepted {
		t.Errorf("in a batch: %s, want 202 for a matrix", batch.body)
	}
	for _, item := range items[1:] {
		if p := item.Problem; p == nil || p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Detail, "POST /v1/matrices") {
			t.Errorf("in a batch: %s, want 422 for objects, and what to do instead", batch.body)
		}
	}
	s3server.Put(t, raw, prefix+"/read/a.npy", c)
	b.get(t, "/v1/matrices/"+made.ID+"/content").wantCode(t, problem.Changed)
}

// wantCode fails the test unless the response is a problem with a code.
func (a received) wantCode(t *testing.T, code problem.Code) {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal(a.body, &p); err != nil || p.Code != code || a.StatusCode != code.Status() {
		t.Errorf("%s: %.300s, want %s", a.Status, a.body, code)
	}
	if code == problem.NoStore && a.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
}

// TestRefusedObjects: what cannot be read or written is refused with a code that says why, and nothing of it stays.
func TestRefusedObjects(t *testing.T) {
	t.Parallel()
	b, raw, prefix := withObjects(t)
	whole := randomFile(t, 2, 2, 1)
	for _, name := range []string{"both/x", "others/x", "elsewhere/x"} {
		s3server.Put(t, raw, prefix+"/"+name, whole)
	}
	s3server.Put(t, raw, prefix+"/both/text", []byte("no matrix"))
	s3server.Put(t, raw, prefix+"/both/ints", bytes.Replace(slices.Clone(whole), []byte("<f8"), []byte("<c8"), 1))
	for order, code := range map[string]problem.Code{
		"a " + objectJSON(prefix+"/both/missing"):                      problem.NoObject,
		"a " + objectJSON(prefix+"/both/text"):                         problem.Malformed,
		"a " + objectJSON(prefix+"/both/ints"):                         problem.Elements,
		"a " + objectJSON(prefix+"/others/x"):                          problem.NotAllowed,
		"a " + objectJSON(prefix+"/elsewhere/x"):                       problem.NotAllowed,
		"a " + objectJSON(prefix+"/both/../elsewhere/x"):               problem.Invalid,
		"a " + objectJSON("x"):                                         problem.NotAllowed,
		"a " + objectIn("another", "x"):                                problem.NotAllowed,
		"a " + objectIn("away", "x"):                                   problem.NoStore,
		`a {"s3": {"bucket": "b"}}`:                                    problem.Invalid,
		`a {"s3": {"bucket": "b", "key": "k", "endpoint": "http://"}}`: problem.Invalid,
		"output " + objectJSON(prefix+"/read/x"):                       problem.NotAllowed,
		"output " + objectJSON(prefix+"/others/x"):                     problem.NotAllowed,
		"output " + objectIn("away", "x"):                              problem.NoStore,
		`output {}`:                                                    problem.Invalid,
		`output {"s3": {"bucket": "b", "key": "k", "version": "1"}}`:   problem.Invalid,
	} {
		name, value, _ := strings.Cut(order, " ")
		members := map[string]json.RawMessage{"b": json.RawMessage(`{"values": [[1, 2], [3, 4]]}`), "a": json.RawMessage(`{"values": [[1, 0], [0, 1]]}`)}
		members[name] = json.RawMessage(value)
		body, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		b.post(t, "/v1/multiplications", jsonType, body).wantCode(t, code)
	}
	if n := b.multiplications(t); n != 0 {
		t.Errorf("there are %d multiplications, want none", n)
	}
	if n := s3server.Uploads(t, raw, prefix); n != 0 {
		t.Errorf("%d uploads are left, want none", n)
	}
}

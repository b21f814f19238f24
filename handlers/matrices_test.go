package handlers_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

func TestUploadNPY(t *testing.T) {
	t.Parallel()
	for _, files := range []bool{false, true} {
		b := setupWith(t, options{idle: true, files: files})
		for _, e := range []elements{
			someElements(1, 1), someElements(3, 5).float32(), someElements(0, 3), someElements(3, 0), someElements(300, 100),
			someElements(257, 1025), someElements(1, 9000), someElements(9000, 1).float32(),
		} {
			for form, file := range map[string][]byte{"C": e.npy(), "Fortran": e.fortran()} {
				for _, contentType := range []string{npyType, "application/octet-stream"} {
					t.Run(fmt.Sprintf("%s %s %s %v", e.Shape, form, contentType, files), func(t *testing.T) {
						sent := b.post(t, "/v1/matrices", contentType, file).want(t, http.StatusCreated)
						b.checkMatrix(t, sent, e, "upload")
						sent = b.do(t, http.MethodPost, "/v1/matrices", chunked(file), "Content-Type", contentType)
						b.checkMatrix(t, sent.want(t, http.StatusCreated), e, "upload")
					})
				}
			}
		}
	}
}

// checkMatrix compares the response to a new matrix, and its content, with what they should be.
func (b *testBundle) checkMatrix(t *testing.T, created received, want elements, source string) {
	t.Helper()
	m := decode[resource.Matrix](t, created)
	digest := fmt.Sprintf("sha-256:%x", sha256.Sum256(want.npy()))
	sameShape := m.Rows == want.Rows && m.Cols == want.Cols && m.DType == want.DType
	if !sameShape || m.Bytes != want.Bytes() || m.State != "ready" || m.Source != source || m.Digest != digest {
		t.Errorf("got %+v, want %s with digest %s", m, want.Shape, digest)
	}
	if location := created.Header.Get("Location"); location != "/v1/matrices/"+m.ID {
		t.Errorf("Location %q, want the path of matrix %s", location, m.ID)
	}
	if m.CreatedAt.Location() != time.UTC || m.ExpiresAt.Sub(m.CreatedAt) < time.Hour/2 {
		t.Errorf("created %v, expires %v, want UTC and at least half an hour", m.CreatedAt, m.ExpiresAt)
	}
	shown := decode[resource.Matrix](t, b.get(t, "/v1/matrices/"+m.ID).want(t, http.StatusOK))
	if shown != m {
		t.Errorf("GET returns %+v, want %+v", shown, m)
	}
	content := b.get(t, "/v1/matrices/"+m.ID+"/content").want(t, http.StatusOK)
	if !bytes.Equal(content.body, want.npy()) {
		t.Errorf("wrong content of %s", want.Shape)
	}
}

func TestUploadJSON(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for _, e := range []elements{
		someElements(1, 1), someElements(2, 3), someElements(0, 0), someElements(3, 0), someElements(100, 100),
		someElements(1, 9000),
		newElements(1, 7, 0, 0.1, -1e-300, 1.7976931348623157e308, 5e-324, 9007199254740993, 1e21),
	} {
		for _, body := range []string{e.json(), `{"values": ` + e.json() + `}`, " \n\t" + e.json() + "\n"} {
			a := b.post(t, "/v1/matrices", jsonType, []byte(body)).want(t, http.StatusCreated)
			b.checkMatrix(t, a, e, "inline")
		}
	}
}

func TestUploadRandom(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, limits: handlers.Limits{MaxMatrixBytes: 1 << 62}})
	const seeded = `{"random": {"rows": 30, "cols": 20, "seed": 5}}`
	a := b.post(t, "/v1/matrices", jsonType, []byte(seeded)).want(t, http.StatusCreated)
	m := decode[resource.Matrix](t, a)
	e := newElements(30, 20)
	e.data = matrix.AsFloats[float64](randomContent(t, matrix.NewRandom(e.Shape, 5)))
	if got := b.get(t, "/v1/matrices/"+m.ID+"/content").want(t, http.StatusOK).body; !bytes.Equal(got, e.npy()) {
		t.Error("wrong content")
	}
	const want = "bytes cols created_at dtype expires_at id rows source state"
	if names, _ := members(t, a.body); names != want || m.Source != "random" {
		t.Errorf("members %s, source %s, want %s, random", names, m.Source, want)
	}
	for random, want := range map[string]matrix.Shape{
		`{"rows": 0, "cols": 0}`:                                       {DType: matrix.Float64},
		`{"dtype": "float32", "seed": 0, "cols": 2, "rows": 1}`:        {Rows: 1, Cols: 2, DType: matrix.Float32},
		`{"rows": 1, "cols": 1, "seed": 9223372036854775807}`:          {Rows: 1, Cols: 1, DType: matrix.Float64},
		`{"rows": 1000000000, "cols": 100000000, "dtype": "float64"}`:  {Rows: 1e9, Cols: 1e8, DType: matrix.Float64},
		`{"rows": 576460752303423488, "cols": 1}`:                      {Rows: 1 << 59, Cols: 1, DType: matrix.Float64},
		`{"rows": 9223372036854775807, "cols": 0, "dtype": "float32"}`: {Rows: 1<<63 - 1, DType: matrix.Float32},
	} {
		body := `{"random": ` + random + `}`
		m := decode[resource.Matrix](t, b.post(t, "/v1/matrices", jsonType, []byte(body)).want(t, http.StatusCreated))
		if m.Rows != want.Rows || m.Cols != want.Cols || m.DType != want.DType || m.Bytes != want.Bytes() {
			t.Errorf("%s is %+v, want %s", body, m, want)
		}
		a := b.get(t, "/v1/matrices/"+m.ID+"/content", "Range", "bytes=0-5").want(t, http.StatusPartialContent)
		size := fmt.Sprintf("/%d", want.Bytes()+128)
		if got := a.Header.Get("Content-Range"); string(a.body) != "\x93NUMPY" || !strings.HasSuffix(got, size) {
			t.Errorf("%s: %q, Content-Range %q, want the magic string and %s", body, a.body, got, size)
		}
		if want.Elements() == 0 && want.Rows > 0 {
			b.get(t, "/v1/matrices/"+m.ID+"/content", "Accept", jsonType).want(t, http.StatusNotAcceptable)
		}
	}
}

func TestNoSuchMatrix(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for _, id := range []string{uuid.NewString(), "1", "%00", "%ff"} {
		b.get(t, "/v1/matrices/"+id).want(t, http.StatusNotFound)
		b.get(t, "/v1/matrices/"+id+"/content").want(t, http.StatusNotFound)
		b.get(t, "/v1/matrices/"+id+"/content", "Accept", jsonType).want(t, http.StatusNotFound)
	}
}

// uploading begins an upload, which ends with the test, and returns the id of the matrix.
func (b *testBundle) uploading(t *testing.T) string {
	t.Helper()
	u := b.store.For(identity.DefaultTenant).NewUpload(t.Context(), matrix.Shape{
		Rows:  300,
		Cols:  100,
		DType: matrix.Float64,
	}, false, store.FromUpload)
	if _, err := u.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Abort(); err != nil {
			t.Error(err)
		}
	})
	var id uuid.UUID
	err := b.store.Pool.QueryRow(t.Context(), `SELECT id FROM matrices WHERE state = 'uploading'`).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

func TestUploading(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	id := b.uploading(t)
	a := b.get(t, "/v1/matrices/"+id).want(t, http.StatusOK)
	if m := decode[resource.Matrix](t, a); m.State != "uploading" || strings.Contains(string(a.body), "digest") {
		t.Errorf("got %s, want it uploading and without a digest", a.body)
	}
	b.get(t, "/v1/matrices/"+id+"/content").want(t, http.StatusConflict)
	for _, body := range []string{
		`{"a": {"matrix_id": "` + id + `"}, "b": {"values": [[1]]}}`,
		`{"a": {"values": ` + someElements(100, 100).json() + `}, "b": {"matrix_id": "` + id + `"}}`,
	} {
		b.rejects(t, "/v1/multiplications", jsonType, strings.NewReader(body), http.StatusConflict, id, "not ready")
	}
}

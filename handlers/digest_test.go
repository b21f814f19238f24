package handlers_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/resource"
)

// sha256Of is the value of a digest header.
func sha256Of(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

func sha512Of(text []byte) string {
	sum := sha512.Sum512(text)
	return "sha-512=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

func TestDigestOfRequest(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	x := someElements(300, 100)
	column := someElements(100, 1)
	multipart, both := form(t, part{"a", x.npy()}, part{"b", column.npy()})
	both = append(both, "an epilogue"...)
	for _, c := range []struct {
		path, contentType string
		body              []byte
	}{
		{"/matrix_multiplication/", jsonType, []byte(`{"A": ` + x.json() + `, "B": ` + column.json() + "} \n")},
		{"/v1/multiplications", jsonType, []byte(smallSubmission)},
		{"/v1/multiplications", multipart, both},
		{"/v1/matrices", npyType, x.npy()},
		{"/v1/matrices", jsonType, []byte(x.json() + "\n")},
	} {
		right, wrong := sha256Of(c.body), sha256Of(nil)
		send := func(headers ...string) received {
			return b.do(t, http.MethodPost, c.path, bytes.NewReader(c.body), append(headers, "Content-Type", c.contentType)...)
		}
		for _, headers := range [][]string{
			{"Content-Digest", right},
			{"Repr-Digest", right},
			{"Content-Digest", right, "Repr-Digest", right + ", " + sha512Of(c.body)},
			{"Content-Digest", sha512Of(c.body)},
			{"Content-Digest", `md5=:AAAA:, unixsum=30637, other="x";y=z, ` + right + ";q=1"},
			{"Content-Digest", `md5=:AAAA:`},
			{"Content-Digest", ``},
			{"Repr-Digest", wrong, "Content-Encoding", "identity"}, // of something else
			{"Content-Digest", right, "Idempotency-Key", c.path + c.contentType},
			{"Content-Digest", right, "Idempotency-Key", c.path + c.contentType},
		} {
			if a := send(headers...); a.StatusCode/100 != 2 {
				t.Errorf("%s %q: status %s, want 2xx: %s", c.path, headers, a.Status, a.body)
			}
		}
		for _, test := range [][]string{
			{wrong, "the sha-256 of the body is"},
			{right + ", " + sha512Of(nil), "the sha-512 of the body is"},
			{sha512Of(c.body) + ", " + wrong, "the sha-256 of the body is"},
			{"sha-256=:AAAA:", "malformed"},
			{"sha-256=::", "malformed"},
			{"sha-256", "malformed"},
			{"sha-256=1", "malformed"},
			{`sha-256="x"`, "malformed"},
			{"sha-256=(:AAAA:)", "malformed"},
			{"sha-256=:&&&&:", "malformed"},
			{"sha-256=" + strings.Trim(right[8:], ":"), "malformed"},
			{"SHA-256=:AAAA:", "malformed"},
			{right + ",", "malformed"},
			{"nonsense nonsense", "malformed"},
			{"\xff", "malformed"},
			{right + ", " + sha512Of(c.body) + ", sha-256=:AAAA:", "malformed"},
		} {
			for _, header := range []string{"Content-Digest", "Repr-Digest"} {
				before := b.kept(t)
				a := send(header, test[0]).want(t, http.StatusBadRequest)
				if !strings.Contains(string(a.body), header) || !strings.Contains(string(a.body), test[1]) {
					t.Errorf("%s %s: got %s, want the header and %q in it", header, test[0], a.body, test[1])
				}
				b.wantKept(t, before)
			}
		}
		send("Content-Digest", right, "Repr-Digest", wrong).want(t, http.StatusBadRequest)
		send("Content-Digest", wrong, "Repr-Digest", right).want(t, http.StatusBadRequest)
		// A repetition that was damaged on its way is not another request.
		send("Content-Digest", wrong, "Idempotency-Key", c.path+c.contentType).want(t, http.StatusBadRequest)
	}
	long := append(bytes.Clone(both), make([]byte, 100_000)...)
	b.do(t, http.MethodPost, "/v1/multiplications", bytes.NewReader(long),
		"Content-Type", multipart, "Content-Digest", sha256Of(long)).want(t, http.StatusBadRequest)
}

// checkDigests compares the digest headers of a response with those of the whole content, of which it has all or a
// part.
func (a received) checkDigests(t testing.TB, whole []byte) {
	t.Helper()
	var content, repr string
	if whole != nil {
		repr = sha256Of(whole)
		if a.StatusCode == http.StatusOK && a.Request.Method == http.MethodGet {
			content = repr
		}
	}
	if got := a.Header.Get("Content-Digest"); got != content {
		t.Errorf("%s %s: Content-Digest %q, want %q", a.Request.Method, a.Status, got, content)
	}
	if got := a.Header.Get("Repr-Digest"); got != repr {
		t.Errorf("%s %s: Repr-Digest %q, want %q", a.Request.Method, a.Status, got, repr)
	}
}

func TestDigestOfContent(t *testing.T) {
	t.Parallel()
	eachContent(t, func(t *testing.T, b contentBundle) {
		whole := b.get(t, b.path).want(t, http.StatusOK)
		whole.checkDigests(t, b.file)
		b.do(t, http.MethodHead, b.path, nil).want(t, http.StatusOK).checkDigests(t, b.file)
		b.get(t, b.path, "Range", "bytes=1-9").want(t, http.StatusPartialContent).checkDigests(t, b.file)
		b.get(t, b.path, "Range", "bytes=1-9", "If-Range", `"x"`).want(t, http.StatusOK).checkDigests(t, b.file)
		b.get(t, b.path, "Range", fmt.Sprintf("bytes=%d-", len(b.file))).
			want(t, http.StatusRequestedRangeNotSatisfiable).checkDigests(t, nil)
		b.get(t, b.path, "If-None-Match", whole.Header.Get("Etag")).want(t, http.StatusNotModified).checkDigests(t, nil)
		for _, want := range []string{
			"sha-256=1", "sha-256=10, sha-512=3", "sha-512=1", "sha-256=0", "nonsense nonsense", "\xff", "",
		} {
			b.get(t, b.path, "Want-Repr-Digest", want, "Want-Content-Digest", want).
				want(t, http.StatusOK).checkDigests(t, b.file)
		}
		if a := b.get(t, b.path, "Accept", jsonType); a.StatusCode == http.StatusOK {
			a.checkDigests(t, a.body)
		}
		window := b.get(t, b.path+"?rows=1:3&cols=0:2").want(t, http.StatusOK)
		window.checkDigests(t, window.body)
	})
}

// TestDigestOfResult: the digest of a small result is known at its completion, that of a larger one after its first
// download.
func TestDigestOfResult(t *testing.T) {
	t.Parallel()
	b := setup(t)
	digest := func(m resource.Multiplication) string {
		return decode[resource.Matrix](t, b.get(t, "/v1/matrices/"+m.Result.MatrixID).want(t, http.StatusOK)).Digest
	}
	for _, size := range []int64{0, 1, 90, 91, 300} {
		x := someElements(size, 3)
		y := someElements(3, size)
		if size == 0 {
			y = someElements(0, 0)
		}
		m := b.complete(t, b.submit(t, `{"a": {"values": `+x.json()+`}, "b": {"values": `+y.json()+`}}`).ID)
		file := x.times(y).npy()
		want := fmt.Sprintf("sha-256:%x", sha256.Sum256(file))
		if got := digest(m); got != want && (size <= 90 || got != "") {
			t.Errorf("%d: at first the digest is %q, want %s", size, got, want)
		}
		b.get(t, m.Result.Href, "Range", "bytes=0-9").want(t, http.StatusPartialContent).checkDigests(t, file)
		if got := digest(m); got != want {
			t.Errorf("%d: the digest is %q, want %s", size, got, want)
		}
		b.get(t, m.Result.Href).want(t, http.StatusOK).checkDigests(t, file)
	}
}

// TestDigestOfLargeResult: a result that takes too long to hash first is hashed while it is read, or if the client
// asks for it.
func TestDigestOfLargeResult(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{files: true, limits: handlers.Limits{MaxMatrixBytes: 1 << 30, MaxJSONValues: 1}})
	const size = 2900 // 67 MB
	x, y := someElements(size, 1), someElements(1, size)
	file := x.times(y).npy()
	submit := func() resource.Multiplication {
		t.Helper()
		return b.complete(t, b.submit(t, `{"a": {"values": `+x.json()+`}, "b": {"values": `+y.json()+`}}`).ID)
	}
	m := submit()
	b.get(t, m.Result.Href, "Range", "bytes=0-9").want(t, http.StatusPartialContent).checkDigests(t, nil)
	b.get(t, m.Result.Href, "Range", "bytes=10000000-").want(t, http.StatusPartialContent).checkDigests(t, nil)
	a := b.get(t, m.Result.Href).want(t, http.StatusOK)
	if a.checkDigests(t, nil); !bytes.Equal(a.body, file) {
		t.Error("wrong content")
	}
	b.get(t, m.Result.Href, "Range", "bytes=0-9").want(t, http.StatusPartialContent).checkDigests(t, file)

	for _, header := range []string{"Want-Repr-Digest", "Want-Content-Digest"} {
		m = submit()
		b.do(t, http.MethodHead, m.Result.Href, nil, header, "sha-256=0").want(t, http.StatusOK).checkDigests(t, nil)
		b.do(t, http.MethodHead, m.Result.Href, nil, header, "sha-512=3, sha-256=1").
			want(t, http.StatusOK).checkDigests(t, file)
	}
}

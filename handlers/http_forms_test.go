package handlers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// formOf returns a form with the parts a and b, each with other headers, which end in CRLF.
func formOf(boundary, headers string, file []byte) string {
	var text strings.Builder
	for _, name := range []string{"a", "b"} {
		fmt.Fprintf(&text, "--%s\r\nContent-Disposition: form-data; name=%s; filename=x\r\n%s\r\n%s\r\n",
			boundary, name, headers, file)
	}
	fmt.Fprintf(&text, "--%s--\r\n", boundary)
	return text.String()
}

// TestBoundaries: RFC 2046, 5.1.1, lists the characters of a boundary, and says that some need quotes. Clients forget
// them.
func TestBoundaries(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	file := someElements(2, 2).npy()
	const accepted, invalid = http.StatusAccepted, http.StatusBadRequest
	for _, c := range []struct {
		boundary, contentType string
		status                int
	}{
		{"a", "multipart/form-data; boundary=a", accepted},
		{"a/b", "multipart/form-data; boundary=a/b", accepted},
		{"a/b", `multipart/form-data; boundary="a/b"`, accepted},
		{"----=_Part:1,(2)'+_?.-", "multipart/form-data; boundary=----=_Part:1,(2)'+_?.-", accepted},
		{"a:b", "Multipart/Form-Data; charset=utf-8; BOUNDARY=a:b ; x=y", accepted},
		{"a b", `multipart/form-data; boundary="a b"`, accepted},
		{"a b", "multipart/form-data; boundary=a b", invalid},
		{"a@b", "multipart/form-data; boundary=a@b", invalid},
		{"a", `multipart/form-data; boundary="a`, invalid},
		{"a", "multipart/form-data; boundary=", invalid},
		{"a", "multipart/form-data", invalid},
		{"a", "multipart/form-data; boundary=a; boundary=b", invalid},
	} {
		a := b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(formOf(c.boundary, "", file)), "Content-Type",
			c.contentType).want(t, c.status)
		if c.status == invalid && !bytes.Contains(a.body, []byte("boundary")) {
			t.Errorf("%s: %s, want a word about the boundary", c.contentType, a.body)
		}
	}
}

// TestEncodedParts: a part of a form is read as it is; one that says to be encoded is refused (RFC 7578, 4.7).
func TestEncodedParts(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	file := someElements(2, 2).npy()
	for headers, status := range map[string]int{
		"":                                                                          http.StatusAccepted,
		"Content-Transfer-Encoding: binary\r\n":                                     http.StatusAccepted,
		"content-transfer-encoding: BINARY\r\n":                                     http.StatusAccepted,
		"Content-Transfer-Encoding: 8bit\r\n":                                       http.StatusAccepted,
		"Content-Encoding: identity\r\n":                                            http.StatusAccepted,
		"Content-Transfer-Encoding: base64\r\n":                                     http.StatusUnsupportedMediaType,
		"Content-Transfer-Encoding: quoted-printable\r\n":                           http.StatusUnsupportedMediaType,
		"Content-Transfer-Encoding: x\r\n":                                          http.StatusUnsupportedMediaType,
		"Content-Encoding: gzip\r\n":                                                http.StatusUnsupportedMediaType,
		"Content-Encoding: identity\r\nContent-Encoding: identity, br\r\n":          http.StatusUnsupportedMediaType,
		"Content-Transfer-Encoding: binary\r\nContent-Encoding: deflate\r\n":        http.StatusUnsupportedMediaType,
		"Content-Type: application/octet-stream\r\nX-Content-Encoding: nothing\r\n": http.StatusAccepted,
	} {
		for _, key := range []string{"", "encoded " + headers} {
			before := b.kept(t)
			request := []string{"Content-Type", "multipart/form-data; boundary=x"}
			if key != "" {
				request = append(request, "Idempotency-Key", strings.NewReplacer("\r", "", "\n", "").Replace(key))
			}
			a := b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(formOf("x", headers, file)), request...)
			a.want(t, status)
			if status == http.StatusAccepted {
				continue
			}
			if got := a.Header.Get("Accept-Encoding"); got != "identity" || !bytes.Contains(a.body, []byte(`part \"a\"`)) {
				t.Errorf("%q: Accept-Encoding %q, %s, want identity and the name of the part", headers, got, a.body)
			}
			b.wantKept(t, before)
		}
	}
}

// TestIntegersInBodies: 2.0 and 2e0 are integers in every member that is one (JSON Schema 2020-12).
func TestIntegersInBodies(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for _, two := range []string{"2", "2.0", "2e0", "20e-1", "0.2E+1"} {
		m := b.submit(t, strings.ReplaceAll(`{"a": {"random": {"rows": N, "cols": N, "seed": N}},
			"b": {"random": {"rows": N, "cols": N}}, "priority": N}`, "N", two))
		if m.Shape.M != 2 || m.Shape.K != 2 || m.Shape.N != 2 || m.Priority != 2 {
			t.Errorf("%s: shape %+v, priority %d, want 2 everywhere", two, m.Shape, m.Priority)
		}
	}
}

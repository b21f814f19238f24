package handlers_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestContentTypes(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	file := someElements(300, 100).npy()
	const unsupported = http.StatusUnsupportedMediaType
	for path, types := range map[string][]string{
		"/matrix_multiplication/": {npyType, "multipart/form-data; boundary=x"},
		"/v1/multiplications":     {npyType, "multipart/mixed; boundary=x", "application/octet-stream"},
		"/v1/matrices":            {"multipart/form-data; boundary=x", "application/x-hdf5"},
	} {
		types = append(types, "text/plain", "application/x-www-form-urlencoded", "application/xml", "application", "/", ";",
			"application/json; =")
		for _, contentType := range types {
			b.rejects(t, path, contentType, bytes.NewReader(file), unsupported, "unsupported media type")
		}
		before := b.kept(t)
		b.do(t, http.MethodPost, path, bytes.NewReader(file)).want(t, unsupported)
		b.wantKept(t, before)
	}
}

// TestContentEncodings: a body must be sent as it is.
func TestContentEncodings(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for path, body := range map[string]string{
		"/matrix_multiplication/": `{"A": [[1, 2]], "B": [[3], [4]]}`,
		"/v1/multiplications":     tinySubmission,
		"/v1/matrices":            `{"values": [[1, 2]]}`,
	} {
		before := b.kept(t)
		for _, encoding := range []string{"gzip", "GZIP", "br", "identity, gzip", "x"} {
			a := b.do(t, http.MethodPost, path, strings.NewReader(body), "Content-Type", jsonType, "Content-Encoding", encoding)
			a.want(t, http.StatusUnsupportedMediaType)
			if got := a.Header.Get("Accept-Encoding"); got != "identity" || !bytes.Contains(a.body, []byte("encoding")) {
				t.Errorf("%s: Accept-Encoding %q, %s, want identity and a word about the encoding", encoding, got, a.body)
			}
		}
		b.wantKept(t, before)
		for _, encoding := range []string{"identity", "Identity", ""} {
			a := b.do(t, http.MethodPost, path, strings.NewReader(body), "Content-Type", jsonType, "Content-Encoding", encoding)
			if a.StatusCode >= http.StatusBadRequest {
				t.Errorf("%q: status %s, want success: %s", encoding, a.Status, a.body)
			}
		}
	}
}

func TestNoSuchRoute(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for _, path := range []string{
		"/v1", "/v1/", "/v1/nothing", "/v2/matrices", "/matrix_multiplication/x",
		"/v1/matrices/x/y", "/V1/matrices",
		"/index.html", "/assets/", "/docs/x", "/docs/index.html",
		"/riverui", "/riverui/", "/riverui/jobs", "/riverui/api/jobs",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
			b.do(t, method, path, nil).want(t, http.StatusNotFound)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	id := uuid.NewString()
	for path, allowed := range map[string]string{
		"/matrix_multiplication/":               "POST",
		"/v1/multiplications":                   "GET, HEAD, POST",
		"/v1/multiplications/" + id:             "DELETE, GET, HEAD",
		"/v1/multiplications/" + id + "/result": "GET, HEAD",
		"/v1/multiplications/" + id + "/cancel": "POST",
		"/v1/multiplications/" + id + "/retry":  "POST",
		"/v1/matrices/" + id:                    "DELETE, GET, HEAD",
		"/v1/matrices/" + id + "/content":       "GET, HEAD",
		"/v1/multiplications/" + id + "/tiles":  "GET, HEAD",
		"/v1/matrices":                          "GET, HEAD, POST",
		"/v1/overview":                          "GET, HEAD",
		"/":                                     "GET, HEAD",
		"/favicon.ico":                          "GET, HEAD",
		"/docs":                                 "GET, HEAD",
		"/docs/":                                "GET, HEAD",
	} {
		for _, method := range []string{
			http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodOptions, "NONSENSE",
		} {
			if strings.Contains(allowed, method) {
				continue
			}
			a := b.do(t, method, path, nil).want(t, http.StatusMethodNotAllowed)
			if got := a.Header.Get("Allow"); got != allowed {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, got, allowed)
			}
		}
	}
}

// rawPost writes a request with the given header of its length, and returns the connection.
func (b *testBundle) rawPost(t *testing.T, path, contentType, length string, body []byte) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n%s\r\n\r\n", path, contentType, length)
	_, _ = conn.Write(append([]byte(head), body...)) // the server may respond and close before it has read all
	return conn.(*net.TCPConn)
}

// TestLyingLength: a request whose length is not that of its body is a bad one, and nothing of it is stored.
func TestLyingLength(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	file := someElements(300, 100).npy()
	multipart, both := form(t, part{"a", file}, part{"b", someElements(100, 1).npy()})
	json := []byte(`{"a": {"values": ` + someElements(100, 100).json() + `}, "b": {"values": [[1]]}}`)
	for _, c := range []struct {
		path, contentType, length string
		body                      []byte
		status                    int
	}{
		{"/v1/matrices", npyType, fmt.Sprintf("Content-Length: %d", len(file)+1), file, bad},
		{"/v1/matrices", npyType, fmt.Sprintf("Content-Length: %d", len(file)-1), file[:len(file)-1], bad},
		{"/v1/matrices", npyType, fmt.Sprintf("Content-Length: %d", len(file)), file[:len(file)-1], bad},
		{"/v1/matrices", npyType, fmt.Sprintf("Content-Length: %d", len(file)), file[:100_000], bad},
		{"/v1/matrices", npyType, "Content-Length: 0", nil, bad},
		{"/v1/matrices", npyType, "Content-Length: 9223372036854775807", file, bad},
		{"/v1/matrices", npyType, "Content-Length: -1", nil, bad},
		{"/v1/matrices", npyType, "Transfer-Encoding: chunked", append([]byte("186a0\r\n"), file...), bad},
		{"/v1/matrices", npyType, "Transfer-Encoding: chunked", append([]byte("nonsense\r\n"), file...), bad},
		{"/v1/matrices", npyType, "Transfer-Encoding: chunked", append([]byte("-1\r\n"), file...), bad},
		{"/v1/multiplications", multipart, fmt.Sprintf("Content-Length: %d", len(both)), both[:len(both)-100], bad},
		{"/v1/multiplications", multipart, "Transfer-Encoding: chunked", append([]byte("186a0\r\n"), both...), bad},
		{"/v1/multiplications", jsonType, fmt.Sprintf("Content-Length: %d", len(json)+1), json, bad},
		{"/v1/multiplications", jsonType, "Transfer-Encoding: chunked", append([]byte("2710\r\n"), json...), bad},
		{"/v1/multiplications", jsonType, "Transfer-Encoding: chunked", append([]byte("x\r\n"), json...), bad},
	} {
		before := b.kept(t)
		conn := b.rawPost(t, c.path, c.contentType, c.length, c.body)
		_ = conn.CloseWrite() // the server may have closed it
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", c.length, err)
			continue
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s %s: status %s, want %d: %s", c.contentType, c.length, response.Status, c.status, text)
		}
		b.wantKept(t, before)
	}
}

// TestDisconnect: clients that are gone in the middle of an upload leave nothing behind, in either block store, and
// cause no error in the log.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	for _, files := range []bool{false, true} {
		b := setupWith(t, options{idle: true, files: files})
		file := someElements(1000, 700).npy()
		multipart, both := form(t, part{"a", file}, part{"b", file})
		for _, abrupt := range []bool{false, true} {
			for _, c := range []struct {
				path, contentType string
				body              []byte
			}{{"/v1/matrices", npyType, file}, {"/v1/multiplications", multipart, both}} {
				sent := c.body[:len(c.body)*3/4]
				conn := b.rawPost(t, c.path, c.contentType, fmt.Sprintf("Content-Length: %d", len(c.body)), sent)
				eventually(t, func() bool { return b.kept(t).owners > 0 }) // a block is stored
				if abrupt {
					if err := conn.SetLinger(0); err != nil { // a reset
						t.Fatal(err)
					}
				}
				if err := conn.Close(); err != nil {
					t.Fatal(err)
				}
				eventually(t, func() bool { return b.kept(t) == kept{} })
			}
		}
	}
}

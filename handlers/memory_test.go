package handlers_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers"
)

// endless is a body that begins, repeats a text for ever, and counts what is read of it.
type endless struct {
	io.Reader
	text []byte
	at   int
	read int64
}

func newEndless(start, text string) *endless {
	e := &endless{text: bytes.Repeat([]byte(text), 1+64<<10/len(text))}
	e.Reader = io.MultiReader(strings.NewReader(start), readerFunc(func(p []byte) (int, error) {
		n := copy(p, e.text[e.at:])
		e.at = (e.at + n) % len(e.text)
		return n, nil
	}))
	return e
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	e.read += int64(n)
	if e.read > 1<<30 {
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestMemory: a request takes little memory, whatever it claims or sends. The test runs alone, since it measures the
// process.
func TestMemory(t *testing.T) {
	const mostAllocated = 64 << 20
	limits := handlers.Limits{MaxMatrixBytes: 1 << 40, MaxJSONValues: 1000}
	b := setupWith(t, options{
		idle:   true,
		files:  true,
		limits: limits,
	})
	small := setupWith(t, options{idle: true, limits: handlers.Limits{MaxMatrixBytes: 1 << 20, MaxJSONValues: 1000}})
	huge := npyFile("<f8", "False", "(100000, 125000)", nil) // 100 GB
	columns := npyFile(">i2", "True", "(100000, 125000)", nil)
	multipart, body := form(t, part{"a", huge})
	const (
		jsonPath   = "/v1/multiplications"
		npyPath    = "/v1/matrices"
		simplePath = "/matrix_multiplication/"
	)
	for name, c := range map[string]struct {
		b                 *testBundle
		path, contentType string
		body              io.Reader
		status            int
	}{
		"100 GB claimed":         {b, npyPath, npyType, bytes.NewReader(huge), bad},
		"100 GB claimed, column": {b, npyPath, npyType, bytes.NewReader(columns), bad},
		"100 GB claimed, part":   {b, jsonPath, multipart, bytes.NewReader(body), bad},
		"header":                 {b, npyPath, npyType, newEndless("\x93NUMPY\x02\x00\xff\xff\xff\xff{", " "), bad},
		"row":                    {b, jsonPath, jsonType, newEndless(`{"a": {"values": [[1`, ", 1"), tooMuch},
		"rows":                   {small, jsonPath, jsonType, newEndless(`{"a": {"values": [[1]`, ", [1]"), tooMuch},
		"short rows":             {small, simplePath, jsonType, newEndless(`{"A": [[1,1,1]`, ",[1,1,1]"), tooMuch},
		"nesting":                {b, npyPath, jsonType, newEndless(``, "["), invalid},
		"id":                     {b, jsonPath, jsonType, newEndless(`{"a": {"matrix_id": "`, "x"), invalid},
		"name":                   {b, jsonPath, jsonType, newEndless(`{"`, "x"), invalid},
		"number":                 {b, jsonPath, jsonType, newEndless(`{"a": {"values": [[1`, "0"), invalid},
		"seed":                   {b, jsonPath, jsonType, newEndless(`{"a": {"random": {"seed": 1`, "0"), invalid},
		"white space":            {b, jsonPath, jsonType, newEndless(`{`, " \n"), invalid},
		"white space at the end": {b, npyPath, jsonType, newEndless(`[[1]]`, " \n"), invalid},
		"preamble":               {b, jsonPath, "multipart/form-data; boundary=x", newEndless("", "x"), bad},
		"part header":            {b, jsonPath, "multipart/form-data; boundary=x", newEndless("--x\r\nX: ", "x"), bad},
		"part headers":           {b, jsonPath, "multipart/form-data; boundary=x", newEndless("--x\r\n", "X: x\r\n"), bad},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.b.kept(t)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, c.body)
			r.Header.Set("Content-Type", c.contentType)
			w := httptest.NewRecorder()
			var start, end runtime.MemStats
			runtime.ReadMemStats(&start)
			c.b.handler.ServeHTTP(w, r)
			runtime.ReadMemStats(&end)
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %.300s", w.Code, c.status, w.Body)
			}
			if n := end.TotalAlloc - start.TotalAlloc; n > mostAllocated {
				t.Errorf("the request allocated %d MiB, want at most %d", n>>20, mostAllocated>>20)
			}
			c.b.wantKept(t, before)
		})
	}
}

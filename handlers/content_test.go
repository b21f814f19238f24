package handlers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/millrace/millrace/handlers"
)

// contentBundle is a service with a stored matrix.
type contentBundle struct {
	*testBundle
	path string // of the content
	file []byte // the content as .npy
}

// eachContent runs a test for contents in rows, in the blocks of Postgres, and in files.
func eachContent(t *testing.T, test func(t *testing.T, b contentBundle)) {
	t.Helper()
	for _, files := range []bool{false, true} {
		b := setupWith(t, options{idle: true, files: files})
		for _, e := range []elements{someElements(3, 4), someElements(260, 1030), someElements(1000, 20).float32()} {
			m := b.upload(t, e.npy())
			c := contentBundle{
				testBundle: b,
				path:       "/v1/matrices/" + m.ID + "/content",
				file:       e.npy(),
			}
			t.Run(fmt.Sprintf("%s %v", e.Shape, files), func(t *testing.T) { test(t, c) })
		}
	}
}

func TestContentHeaders(t *testing.T) {
	t.Parallel()
	eachContent(t, func(t *testing.T, b contentBundle) {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			a := b.do(t, method, b.path, nil).want(t, http.StatusOK)
			if want := strconv.Itoa(len(b.file)); a.Header.Get("Content-Length") != want || len(a.TransferEncoding) > 0 {
				t.Errorf("%s: Content-Length %q, want %s", method, a.Header.Get("Content-Length"), want)
			}
			for name, want := range map[string]string{"Content-Type": npyType, "Accept-Ranges": "bytes", "Vary": "Accept"} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", method, name, got, want)
				}
			}
			if a.Header.Get("Etag") == "" || a.Header.Get("Content-Disposition") == "" {
				t.Errorf("%s: headers %v, want ETag and Content-Disposition", method, a.Header)
			}
			if method == http.MethodGet && !bytes.Equal(a.body, b.file) {
				t.Errorf("%s: wrong content", method)
			}
		}
	})
}

func TestContentRanges(t *testing.T) {
	t.Parallel()
	eachContent(t, func(t *testing.T, b contentBundle) {
		size := len(b.file)
		tag := b.do(t, http.MethodHead, b.path, nil).Header.Get("Etag")
		for _, r := range [][2]int{
			{0, 0}, {0, 127}, {100, 200}, {128, 128}, {129, 135}, {size / 2, size - 1}, {size - 1, size - 1}, {0, size - 1},
		} {
			want := b.file[r[0] : r[1]+1]
			for _, text := range []string{fmt.Sprintf("bytes=%d-%d", r[0], r[1]), fmt.Sprintf("bytes=%d-%d", r[0]-size, r[1])} {
				if r[0]-size < 0 && text[6] == '-' {
					text = fmt.Sprintf("bytes=%d", r[0]-size) // the last bytes
					want = b.file[r[0]:]
				}
				a := b.get(t, b.path, "Range", text, "If-Range", tag).want(t, http.StatusPartialContent)
				if !bytes.Equal(a.body, want) || a.Header.Get("Content-Length") != strconv.Itoa(len(want)) {
					t.Errorf("%s: %d bytes, want %d", text, len(a.body), len(want))
				}
				wantRange := fmt.Sprintf("bytes %d-%d/%d", r[0], r[0]+len(want)-1, size)
				if got := a.Header.Get("Content-Range"); got != wantRange {
					t.Errorf("%s: Content-Range %q, want %q", text, got, wantRange)
				}
			}
		}
		b.get(t, b.path, "Range", fmt.Sprintf("bytes=%d-", size)).want(t, http.StatusRequestedRangeNotSatisfiable)
		a := b.get(t, b.path, "Range", "bytes=0-9", "If-Range", `"another"`).want(t, http.StatusOK)
		if !bytes.Equal(a.body, b.file) {
			t.Errorf("a range of another content: %d bytes, want all %d", len(a.body), len(b.file))
		}
	})
}

func TestContentConditions(t *testing.T) {
	t.Parallel()
	eachContent(t, func(t *testing.T, b contentBundle) {
		npy := b.get(t, b.path).want(t, http.StatusOK).Header.Get("Etag")
		json := b.get(t, b.path, "Accept", jsonType)
		for _, c := range []struct {
			accept, tag string
			status      int
		}{
			{npyType, npy, http.StatusNotModified},
			{npyType, "*", http.StatusNotModified},
			{npyType, `"x", ` + npy, http.StatusNotModified},
			{npyType, `"x"`, http.StatusOK},
			{npyType, json.Header.Get("Etag"), http.StatusOK},
			{jsonType, npy, json.StatusCode},
			{jsonType, json.Header.Get("Etag"), map[int]int{200: 304, 406: 406}[json.StatusCode]},
		} {
			if c.tag == "" {
				continue
			}
			a := b.get(t, b.path, "Accept", c.accept, "If-None-Match", c.tag).want(t, c.status)
			if c.status == http.StatusNotModified && len(a.body) > 0 {
				t.Errorf("%+v: %d bytes, want none", c, len(a.body))
			}
		}
	})
}

func TestContentNegotiation(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	id := b.upload(t, someElements(2, 2).npy()).ID
	for accept, want := range map[string]string{
		"":                                   npyType,
		"*/*":                                npyType,
		"application/*":                      npyType,
		npyType:                              npyType,
		"APPLICATION/X-NPY":                  npyType,
		jsonType:                             jsonType,
		"application/json; charset=utf-8":    jsonType,
		npyType + ", " + jsonType:            npyType,
		jsonType + ", " + npyType:            npyType,
		jsonType + ", */*;q=0.1":             jsonType,
		npyType + ";q=0.5, " + jsonType:      jsonType,
		npyType + ";q=0, */*":                jsonType,
		npyType + ";q=0, application/*;q=.1": jsonType,
		jsonType + ";q=0, */*;q=0.5":         npyType,
		"text/html, */*;q=0.8":               npyType,
		"text/html, application/json;q=0.2":  jsonType,
		",, " + jsonType + " ,":              jsonType,
		"nonsense, " + jsonType:              jsonType,
		"text/html":                          "",
		"text/*":                             "",
		"*/*;q=0":                            "",
		jsonType + ";q=0":                    "",
		"nonsense":                           "",
	} {
		a := b.get(t, "/v1/matrices/"+id+"/content", "Accept", accept)
		switch {
		case want == "":
			a.want(t, http.StatusNotAcceptable)
		case a.want(t, http.StatusOK).Header.Get("Content-Type") != want:
			t.Errorf("Accept %q: Content-Type %s, want %s", accept, a.Header.Get("Content-Type"), want)
		}
	}
}

func TestContentJSON(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, limits: handlers.Limits{MaxJSONValues: 20_000}})
	for _, e := range []elements{
		someElements(1, 1), someElements(0, 2), someElements(2, 0), someElements(100, 200), someElements(100, 200).float32(),
		newElements(2, 4, 0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, -1.5, 123456789012345680, 1),
		newElements(1, 1, 0.5).float32(),
	} {
		path := "/v1/matrices/" + b.upload(t, e.npy()).ID + "/content"
		a := b.get(t, path, "Accept", jsonType).want(t, http.StatusOK)
		if a.Header.Get("Content-Length") != strconv.Itoa(len(a.body)) || a.Header.Get("Content-Type") != jsonType {
			t.Errorf("headers %v, want the length %d and the type %s", a.Header, len(a.body), jsonType)
		}
		a.wantElements(t, e)
		b.do(t, http.MethodHead, path, nil, "Accept", jsonType).want(t, http.StatusOK)
	}
	large := "/v1/matrices/" + b.upload(t, someElements(100, 201).npy()).ID + "/content"
	b.get(t, large, "Accept", jsonType).want(t, http.StatusNotAcceptable)
	b.get(t, large).want(t, http.StatusOK)
}

// wantElements fails the test if a response does not have elements as JSON.
func (a received) wantElements(t testing.TB, e elements) {
	t.Helper()
	type content struct {
		Rows, Cols int64
		Values     [][]float64
	}
	c := decode[content](t, a)
	back := newElements(c.Rows, c.Cols)
	back.DType = e.DType
	for _, row := range c.Values {
		back.data = append(back.data, row...)
	}
	if back.Shape != e.Shape || len(c.Values) != int(e.Rows) || !bytes.Equal(back.npy(), e.npy()) {
		t.Errorf("%s reads back as %s", e.Shape, back.Shape)
	}
}

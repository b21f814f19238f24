package handlers_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers"
)

// unlimited has no limit for JSON but that of matrices.
var unlimited = handlers.Limits{MaxMatrixBytes: 64 << 20}

// TestStreamedJSON: a matrix that is too large to be rendered first is rendered while it is sent.
func TestStreamedJSON(t *testing.T) {
	t.Parallel()
	for _, files := range []bool{false, true} {
		b := setupWith(t, options{
			idle:   true,
			files:  files,
			limits: unlimited,
		})
		for _, e := range []elements{
			someElements(260, 1030), someElements(1030, 260).float32(), someElements(1, 300_000), someElements(300_000, 1),
			someElements(300_000, 0),
		} {
			path := "/v1/matrices/" + b.upload(t, e.npy()).ID + "/content"
			a := b.get(t, path, "Accept", jsonType).want(t, http.StatusOK)
			a.wantElements(t, e)
			tag := a.Header.Get("ETag")
			if a.ContentLength != -1 || a.Header.Get("Accept-Ranges") != "none" || tag == "" {
				t.Errorf("%s: headers %v, want neither a length nor ranges, and an ETag", e.Shape, a.Header)
			}
			whole := b.get(t, path, "Accept", jsonType, "Range", "bytes=0-9", "If-Range", tag).want(t, http.StatusOK)
			if !bytes.Equal(whole.body, a.body) {
				t.Errorf("%s: with a range %d bytes, want all %d", e.Shape, len(whole.body), len(a.body))
			}
			head := b.do(t, http.MethodHead, path, nil, "Accept", jsonType).want(t, http.StatusOK)
			if head.ContentLength != -1 || head.Header.Get("ETag") != tag || head.Header.Get("Content-Type") != jsonType {
				t.Errorf("%s: HEAD has headers %v, want those of GET", e.Shape, head.Header)
			}
			for _, c := range []struct {
				header, tag string
				status      int
			}{
				{"If-None-Match", tag, http.StatusNotModified},
				{"If-None-Match", `"x", W/` + tag, http.StatusNotModified},
				{"If-None-Match", `"x"`, http.StatusOK},
				{"If-Match", tag, http.StatusOK},
				{"If-Match", "*", http.StatusOK},
				{"If-Match", `"x"`, http.StatusPreconditionFailed},
				{"If-Match", "W/" + tag, http.StatusPreconditionFailed},
			} {
				got := b.get(t, path, "Accept", jsonType, c.header, c.tag).want(t, c.status)
				if c.status == http.StatusNotModified && len(got.body) > 0 {
					t.Errorf("%s: %d bytes, want none", c.header, len(got.body))
				}
			}
		}
	}
}

// TestLargestAsJSON: what can be posted as JSON, and the result of it, can be had as JSON.
func TestLargestAsJSON(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{limits: handlers.Limits{MaxMatrixBytes: 8 * 600 * 600}})
	x, y := someElements(600, 1), someElements(1, 600)
	m := b.complete(t, b.submit(t, `{"a": {"values": `+x.json()+`}, "b": {"values": `+y.json()+`}}`).ID)
	b.get(t, m.Result.Href, "Accept", jsonType).want(t, http.StatusOK).wantElements(t, x.times(y))
	square := someElements(600, 600)
	a := b.post(t, "/v1/matrices", jsonType, []byte(square.json())).want(t, http.StatusCreated)
	path := a.Header.Get("Location") + "/content"
	b.get(t, path, "Accept", jsonType).want(t, http.StatusOK).wantElements(t, square)

	// Rows without numbers are text all the same.
	empty := "/v1/matrices/" + b.upload(t, someElements(1<<20, 0).npy()).ID + "/content"
	b.get(t, empty, "Accept", jsonType).want(t, http.StatusNotAcceptable)
	b.get(t, empty).want(t, http.StatusOK)
}

// TestNotFiniteAsJSON: a matrix with an element that JSON cannot represent is sent as .npy if that is acceptable; else
// the reason is told before the response begins.
func TestNotFiniteAsJSON(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, limits: unlimited})
	for _, e := range []elements{someElements(2, 2), someElements(300, 700), someElements(900, 700).float32()} {
		e.data[len(e.data)-1] = math.Inf(1)
		path := "/v1/matrices/" + b.upload(t, e.npy()).ID + "/content"
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			a := b.do(t, method, path, nil, "Accept", jsonType).want(t, http.StatusNotAcceptable)
			want := fmt.Sprintf("element [%d][%d] is +Inf: JSON has no NaN and no infinity, ask for %s",
				e.Rows-1, e.Cols-1, npyType)
			if method == http.MethodGet && !strings.Contains(string(a.body), want) {
				t.Errorf("%s: got %s, want %q in it", e.Shape, a.body, want)
			}
		}
		b.get(t, path, "Accept", jsonType+", text/*;q=0.5").want(t, http.StatusNotAcceptable)
		b.get(t, path, "Accept", jsonType+", "+npyType+";q=0").want(t, http.StatusNotAcceptable)
		for _, accept := range []string{jsonType + ", */*;q=0.1", npyType + ";q=0.001, " + jsonType} {
			a := b.get(t, path, "Accept", accept).want(t, http.StatusOK)
			if a.Header.Get("Content-Type") != npyType || !bytes.Equal(a.body, e.npy()) || a.Header.Get("Vary") != "Accept" {
				t.Errorf("%s: Accept %q: %d bytes of %v", e.Shape, accept, len(a.body), a.Header)
			}
		}
		part := b.get(t, path+"?rows=:1", "Accept", jsonType+", */*;q=0.1").want(t, http.StatusOK)
		if part.Header.Get("Content-Type") != jsonType {
			t.Errorf("%s: rows that are finite are sent as %s", e.Shape, part.Header.Get("Content-Type"))
		}
	}
}

// TestBrokenJSON: a block that is lost before the response begins is a problem; one that is lost later breaks the
// transfer visibly.
func TestBrokenJSON(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := setupWith(t, options{
		idle:   true,
		folder: folder,
		limits: unlimited,
		log:    slog.New(slog.DiscardHandler),
	})
	e := someElements(2000, 2000)
	for i := range e.data {
		e.data[i] += 1. / 3
	}
	path := "/v1/matrices/" + b.upload(t, e.npy()).ID + "/content"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", jsonType)
	response, err := b.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	begin := make([]byte, 1000)
	if _, err := io.ReadFull(response.Body, begin); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", response.Status, err, begin)
	}
	stored, err := filepath.Glob(filepath.Join(folder, "*", "[1-9]*"))
	if err != nil || len(stored) < 3 {
		t.Fatalf("%d blocks, %v, want some", len(stored), err)
	}
	for _, name := range stored {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	rest, err := io.ReadAll(response.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after %d bytes: error %v, want an unexpected end", len(rest), err)
	}
	for _, accept := range []string{jsonType, jsonType + ", */*;q=0.1"} {
		b.get(t, path, "Accept", accept).want(t, http.StatusInternalServerError)
	}
}

// liveMeter is a response that nothing keeps. It counts its bytes and looks now and then at how much memory is in use.
type liveMeter struct {
	header http.Header
	status int
	bytes  int64
	looked int64
	most   uint64
}

func (m *liveMeter) Header() http.Header    { return m.header }
func (m *liveMeter) WriteHeader(status int) { m.status = status }

func (m *liveMeter) Write(p []byte) (int, error) {
	const everyBytes = 2 << 20
	m.bytes += int64(len(p))
	if m.bytes >= m.looked+everyBytes {
		m.looked = m.bytes
		m.most = max(m.most, liveHeap())
	}
	return len(p), nil
}

// liveHeap returns how many bytes a collection of garbage leaves.
func liveHeap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestMemoryOfJSON: JSON takes little memory, whatever the size of the matrix. The test runs alone, since it measures
// the process.
func TestMemoryOfJSON(t *testing.T) {
	const mostHeld = 20 << 20 // the elements are 61 MiB, their text is 23 MiB
	b := setupWith(t, options{
		idle:   true,
		files:  true,
		limits: unlimited,
	})
	path := "/v1/matrices/" + b.upload(t, npyFile("|i1", "False", "(5000, 1600)", make([]byte, 5000*1600))).ID + "/content"
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Accept", jsonType)
	start := liveHeap()
	w := &liveMeter{header: http.Header{}}
	b.handler.ServeHTTP(w, r)
	if w.status > http.StatusOK || w.bytes < 3*5000*1600 { // 0 is a 200, too
		t.Errorf("status %d with %d bytes, want all elements", w.status, w.bytes)
	}
	if w.looked == 0 || w.most > start+mostHeld {
		t.Errorf("the response held %d MiB, want at most %d", (w.most-start)>>20, mostHeld>>20)
	}
}

package handlers_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// part returns a rectangle of e.
func (e elements) part(r matrix.Rect) elements {
	p := newElements(r.Rows, r.Cols)
	p.DType = e.DType
	for i := range r.Rows {
		p.data = append(p.data, e.data[(r.Row+i)*e.Cols+r.Col:][:r.Cols]...)
	}
	return p
}

func TestWindows(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	const rows, cols = 300, 1100
	e := someElements(rows, cols)
	path := "/v1/matrices/" + b.upload(t, e.npy()).ID + "/content"
	tags := map[string]matrix.Rect{}
	for query, r := range map[string]matrix.Rect{
		"rows=0:300&cols=0:1100":    {Rows: rows, Cols: cols},
		"rows=:&cols=:":             {Rows: rows, Cols: cols},
		"rows=0:1":                  {Rows: 1, Cols: cols},
		"rows=299:":                 {Row: 299, Rows: 1, Cols: cols},
		"cols=:1":                   {Rows: rows, Cols: 1},
		"cols=1099:1100":            {Col: 1099, Rows: rows, Cols: 1},
		"rows=255:257&cols=1023:28": {Row: 255, Col: 1023, Rows: 2},
		"rows=0:301":                {Rows: rows, Cols: cols},
		"rows=-1:&cols=-1100:-1098": {Row: 299, Rows: 1, Cols: 2},
		"rows=-301:1":               {Rows: 1, Cols: cols},
		"rows=1000:":                {Row: 300, Cols: cols},
		"rows=299:99999999999999999999&cols=18446744073709551617:": {Row: 299, Col: 1100, Rows: 1},
		"rows=255:257&cols=1000:":                                  {Row: 255, Col: 1000, Rows: 2, Cols: 100},
		"rows=256:300&cols=10:20":                                  {Row: 256, Col: 10, Rows: 44, Cols: 10},
		"rows=100:100":                                             {Row: 100, Cols: cols},
		"rows=300:300&cols=5:5":                                    {Row: 300, Col: 5},
	} {
		want := e.part(r)
		a := b.get(t, path+"?"+query).want(t, http.StatusOK)
		if !bytes.Equal(a.body, want.npy()) {
			t.Errorf("%s: wrong elements, %d bytes", query, len(a.body))
		}
		if other, ok := tags[a.Header.Get("ETag")]; ok && other != r {
			t.Errorf("%+v and %+v have the same ETag", r, other)
		}
		tags[a.Header.Get("ETag")] = r
		if r.Rows == 0 || r.Cols == 0 {
			continue
		}
		tail := b.get(t, path+"?"+query, "Range", "bytes=100-", "If-Range", a.Header.Get("ETag")).
			want(t, http.StatusPartialContent)
		if !bytes.Equal(tail.body, want.npy()[100:]) {
			t.Errorf("%s: wrong range", query)
		}
	}
}

func TestWindowOfResult(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.complete(t, b.submit(t, `{"a": {"values": [[1, 2], [3, 4]]}, "b": {"values": [[5, 6], [7, 8]]}}`).ID)
	a := b.get(t, m.Result.Href+"?rows=1:&cols=0:1", "Accept", jsonType).want(t, http.StatusOK)
	if got, want := string(a.body), `{"rows": 1, "cols": 1, "values": [[43]]}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// A random matrix is not stored, but has windows.
	random := b.complete(t, b.submit(t, randoms(1, 100000, 1)).ID)
	b.get(t, "/v1/matrices/"+random.B.MatrixID+"/content?rows=99990:", "Accept", jsonType).want(t, http.StatusOK)
	c := b.get(t, "/v1/matrices/"+random.B.MatrixID+"/content?rows=-1:", "Accept", jsonType).want(t, http.StatusOK)
	if want := `{"rows": 1, "cols": 1, "values": [[`; !strings.HasPrefix(string(c.body), want) {
		t.Errorf("got %s, want it to begin with %s", c.body, want)
	}
}

// TestWindowAsJSON: a window of a matrix that is too large for JSON may be small enough.
func TestWindowAsJSON(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	e := someElements(400, 400) // more than the limit
	path := "/v1/matrices/" + b.upload(t, e.npy()).ID + "/content"
	b.get(t, path, "Accept", jsonType).want(t, http.StatusNotAcceptable)
	a := b.get(t, path+"?rows=10:12&cols=390:", "Accept", jsonType).want(t, http.StatusOK)
	part := e.part(matrix.Rect{
		Row:  10,
		Col:  390,
		Rows: 2,
		Cols: 10,
	})
	if want := `"values": ` + strings.ReplaceAll(part.json(), ",", ", "); !strings.Contains(string(a.body), want) {
		t.Errorf("got %s, want %s in it", a.body, want)
	}
}

func TestWindowRefuses(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	path := "/v1/matrices/" + b.upload(t, someElements(3, 4).npy()).ID + "/content?"
	for _, query := range []string{
		"rows=1", "rows=1:2:3", "rows=a:b", "cols=1.5:2", "cols=+1:2", "cols=--1:", "rows=-:", "rows=%20:1", "cols=%00:1",
	} {
		if a := b.get(t, path+query).want(t, http.StatusUnprocessableEntity); !bytes.Contains(a.body, []byte(query[:4])) {
			t.Errorf("%s: got %s, want the parameter in it", query, a.body)
		}
	}
}

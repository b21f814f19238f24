package handlers_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestByteOrderMark: JSON may begin with the byte order mark of UTF-8, as RFC 8259 allows; UTF-16 is named.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for path, c := range map[string]struct {
		body   string
		status int
	}{
		"/v1/matrices":            {"[[1, 2]]", http.StatusCreated},
		"/v1/multiplications":     {twoByTwo, http.StatusAccepted},
		"/matrix_multiplication/": {`{"A": [[1]], "B": [[2]]}`, http.StatusAccepted},
	} {
		b.post(t, path, jsonType, []byte("\ufeff"+c.body)).want(t, c.status)
		a := b.post(t, path, jsonType, []byte("\xff\xfe"+c.body)).want(t, http.StatusBadRequest)
		if !strings.Contains(string(a.body), "UTF-16 in place of UTF-8") {
			t.Errorf("%s: got %s, want it to name UTF-16", path, a.body)
		}
	}
}

// TestTypesByOtherNames: types of elements have all the names that NumPy has for them.
func TestTypesByOtherNames(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for name, want := range map[string]string{
		"float64": "float64", "f8": "float64", "d": "float64", "<f8": "float64", "=f8": "float64", "double": "float64",
		"float32": "float32", "f4": "float32", "f": "float32", "<f4": "float32", "single": "float32",
	} {
		a := b.post(t, "/v1/matrices", jsonType, []byte(`{"random": {"rows": 1, "cols": 1, "dtype": "`+name+`"}}`))
		if a.want(t, http.StatusCreated); !strings.Contains(string(a.body), `"dtype":"`+want+`"`) {
			t.Errorf("dtype %s: got %s, want %s", name, a.body, want)
		}
		shape := "(1, 1)"
		content := make([]byte, 8)
		if want == "float32" {
			content = content[:4]
		}
		b.post(t, "/v1/matrices", npyType, npyFile(name, "False", shape, content)).want(t, http.StatusCreated)
	}
	truth := b.post(t, "/v1/matrices", npyType, npyFile("|b1", "False", "(1, 3)", []byte{0, 1, 2})).want(t, http.StatusCreated)
	a := b.get(t, truth.Header.Get("Location")+"/content", "Accept", jsonType).want(t, http.StatusOK)
	if !strings.Contains(string(a.body), "[[0, 1, 1]]") {
		t.Errorf("got %s, want truth values as 0 and 1", a.body)
	}
}

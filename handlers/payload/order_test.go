package payload

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
)

// openBody opens a body of any type that this package reads.
func openBody(contentType, text string, headers ...string) (*Body, error) {
	return Open(requestOf(contentType, text, headers...), true, resource.MediaNPY, resource.MediaJSON, resource.MediaMultipart)
}

func requestOf(contentType, text string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// bodyOf is openBody for what cannot fail.
func bodyOf(contentType, text string) *Body {
	b, err := openBody(contentType, text)
	if err != nil {
		panic(err)
	}
	return b
}

// smallIntake takes matrices that are small enough to be kept in memory.
func smallIntake() *Intake {
	return NewIntake(store.Open(nil, nil, time.Hour).For(identity.DefaultTenant), 0)
}

// shapes are what a test compares of an order.
type shapes struct {
	a, b     matrix.Shape
	priority int
}

func shapesOf(s jobs.Submission) shapes {
	return shapes{s.A.Matrix.Shape(), s.B.Matrix.Shape(), s.Priority}
}

func TestReadOrder(t *testing.T) {
	t.Parallel()
	oneByTwo := matrix.Shape{
		Rows:  1,
		Cols:  2,
		DType: matrix.Float64,
	}
	twoByThree := matrix.Shape{
		Rows:  2,
		Cols:  3,
		DType: matrix.Float32,
	}
	content := string(npy.AppendHeader(nil, oneByTwo)) + strings.Repeat("\x00", 16)
	file := func(name string) string {
		return "--x\r\nContent-Disposition: form-data; name=" + name + "\r\n\r\n" + content + "\r\n"
	}
	const random = `{"random": {"rows": 2, "cols": 3, "seed": 1, "dtype": "float32"}}`
	for _, c := range []struct {
		contentType string
		text        string
		want        shapes
	}{
		{
			resource.MediaJSON,
			`{"a": {"values": [[1, 2]]}, "b": ` + random + `}`,
			shapes{oneByTwo, twoByThree, jobs.DefaultPriority},
		},
		{
			resource.MediaJSON,
			`{"priority": 4, "b": {"values": [[1, 2]]}, "a": ` + random + `}`,
			shapes{twoByThree, oneByTwo, 4},
		},
		{
			resource.MediaMultipart + "; boundary=x",
			file("a") + file("b") + "--x--",
			shapes{oneByTwo, oneByTwo, jobs.DefaultPriority},
		},
		{
			resource.MediaMultipart + "; boundary=x",
			file("b") + "--x\r\nContent-Disposition: form-data; name=priority\r\n\r\n1\r\n" + file("a") + "--x--",
			shapes{oneByTwo, oneByTwo, 1},
		},
	} {
		got, err := ReadOrder(t.Context(), bodyOf(c.contentType, c.text), smallIntake())
		if err != nil || shapesOf(got) != c.want {
			t.Errorf("ReadOrder(%.60q) = %+v, %v, want %+v", c.text, shapesOf(got), err, c.want)
		}
	}
	got, err := ReadSimpleOrder(t.Context(), bodyOf(resource.MediaJSON, `{"B": [[1, 2]], "A": [[3, 4]]}`), smallIntake())
	if want := (shapes{oneByTwo, oneByTwo, jobs.DefaultPriority}); err != nil || shapesOf(got) != want {
		t.Errorf("ReadSimpleOrder() = %+v, %v, want %+v", shapesOf(got), err, want)
	}
}

// TestErrors: each fault of a JSON text has the error that gives it its status.
func TestErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for text, want := range map[string]error{
		``:                                  ErrBadRequest,
		`[[1, 2`:                            ErrBadRequest,
		`[[1], [2]] []`:                     ErrBadRequest,
		`{"values": [[1]]`:                  ErrBadRequest,
		`{"values": [[1]] "random"}`:        ErrBadRequest,
		`{"matrix_id": "` + long + `"}`:     ErrInvalid,
		`{"values": [[1]], "values": 1}`:    ErrInvalid,
		`{"values": 1, "x": 1}`:             matrix.ErrUnsupported,
		`"text"`:                            ErrInvalid,
		`{}`:                                ErrInvalid,
		`{"matrix_id": "x"}`:                ErrInvalid,
		`[[1], ["x"]]`:                      matrix.ErrUnsupported,
		`[[1e999]]`:                         matrix.ErrUnsupported,
		`[[1], [2, 3]]`:                     matrix.ErrShape,
		`[[1], [2], [3], [4], [5]]`:         matrix.ErrTooLarge,
		`{"random": {"rows": 1}}`:           ErrInvalid,
		`{"random": {"rows":1,"cols":"x"}}`: ErrInvalid,
	} {
		in := NewIntake(store.Open(nil, nil, time.Hour).For(identity.DefaultTenant), 32)
		if _, err := ReadMatrix(t.Context(), bodyOf(resource.MediaJSON, text), in); !errors.Is(err, want) {
			t.Errorf("ReadMatrix(%.60q): error %v, want %v", text, err, want)
		}
	}
}

// TestBrokenBody: what is wrong with the connection is not called malformed.
func TestBrokenBody(t *testing.T) {
	t.Parallel()
	const text = `{"a": {"values": [[1, 2], [3, 4]]}, "b": {"random": {"rows": 2, "cols": 2}}}`
	for n := range len(text) {
		b := bodyOf(resource.MediaJSON, "")
		b.reader = brokenAfter(text[:n])
		_, err := ReadOrder(t.Context(), b, smallIntake())
		if !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), "the body cannot be read") {
			t.Errorf("after %q: error %v, want ErrBadRequest, the body cannot be read", text[:n], err)
		}
	}
}

package handlers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix"
)

// checkResult waits for the result and compares it with the reference, as .npy.
func (b *testBundle) checkResult(t *testing.T, id string, want elements) {
	t.Helper()
	m := b.complete(t, id)
	if m.DType != want.DType || m.Shape.M != want.Rows || m.Shape.N != want.Cols {
		t.Errorf("the result is %d×%d %s, want %s", m.Shape.M, m.Shape.N, m.DType, want.Shape)
	}
	a := b.get(t, m.Result.Href).want(t, http.StatusOK)
	if !bytes.Equal(a.body, want.npy()) {
		t.Errorf("wrong result of %s", want.Shape)
	}
}

func TestSimpleForm(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := []byte(`{"A": [[1,2],[3,4]], "B": [[5,6],[7,8]]}`)
	for _, contentType := range []string{jsonType, "application/json; charset=utf-8", "Application/JSON"} {
		a := b.post(t, "/matrix_multiplication/", contentType, body).want(t, http.StatusAccepted)
		m := decode[resource.Multiplication](t, a)
		if location := a.Header.Get("Location"); location != "/v1/multiplications/"+m.ID {
			t.Errorf("Location %q, want the path of %s", location, m.ID)
		}
		m = b.complete(t, m.ID)
		a = b.get(t, m.Result.Href, "Accept", jsonType).want(t, http.StatusOK)
		const want = `{"rows": 2, "cols": 2, "values": [[19, 22], [43, 50]]}` + "\n"
		if got := string(a.body); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	reversed := []byte(`{"B": [[5,6],[7,8]], "A": [[1,2],[3,4]]}`)
	b.post(t, "/matrix_multiplication/", jsonType, reversed).want(t, http.StatusAccepted)
	// Without the slash, clients are redirected with their method and body.
	b.post(t, "/matrix_multiplication", jsonType, body).want(t, http.StatusAccepted)
}

func TestOperands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	values, large := someElements(4, 4), someElements(150, 150)
	small, stored := b.upload(t, values.npy()), b.upload(t, large.npy())
	random := newElements(4, 4)
	random.data = matrix.AsFloats[float64](randomContent(t, matrix.NewRandom(random.Shape, 7)))
	operands := []struct {
		json string
		elements
	}{
		{`{"values": ` + values.json() + `}`, values},
		{`{"values": ` + large.json() + `}`, large},
		{`{"matrix_id": "` + small.ID + `"}`, values},
		{`{"matrix_id": "` + stored.ID + `"}`, large},
		{`{"random": {"rows": 4, "cols": 4, "seed": 7}}`, random},
	}
	for i, x := range operands {
		for j, y := range operands {
			if x.Cols != y.Rows || i == 4 && j == 4 {
				continue
			}
			t.Run(fmt.Sprintf("%d by %d", i, j), func(t *testing.T) {
				m := b.submit(t, fmt.Sprintf(`{"a": %s, "b": %s}`, x.json, y.json))
				if i == 4 || j == 4 { // not whole numbers: any order of the sum is right
					b.checkClose(t, m.ID, x.times(y.elements))
					return
				}
				b.checkResult(t, m.ID, x.times(y.elements))
			})
		}
	}
	t.Run("the same twice", func(t *testing.T) {
		m := b.submit(t, fmt.Sprintf(`{"b": {"matrix_id": %q}, "a": {"matrix_id": %[1]q}}`, stored.ID))
		if m.A.MatrixID != stored.ID || m.B != m.A {
			t.Errorf("a is %+v, b is %+v, want both to be %s", m.A, m.B, stored.ID)
		}
		b.checkResult(t, m.ID, large.times(large))
	})
}

func randomContent(t *testing.T, r matrix.Random) []byte {
	t.Helper()
	floats := make([]float64, r.Shape().Elements())
	if err := r.ReadRect(t.Context(), r.Shape().Rect(), matrix.AsBytes(floats)); err != nil {
		t.Fatal(err)
	}
	return matrix.AsBytes(floats)
}

// checkClose is checkResult for results that need rounding.
func (b *testBundle) checkClose(t *testing.T, id string, want elements) {
	t.Helper()
	const tolerance = 1e-12
	m := b.complete(t, id)
	a := b.get(t, m.Result.Href).want(t, http.StatusOK)
	got := a.body[len(a.body)-8*len(want.data):]
	for i, x := range matrix.AsFloats[float64](bytes.Clone(got)) {
		if d := x - want.data[i]; d > tolerance || d < -tolerance {
			t.Fatalf("element %d is %v, want %v", i, x, want.data[i])
		}
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	x, y := someElements(300, 100), someElements(100, 40)
	for name, parts := range map[string][]part{
		"a first":           {{"a", x.npy()}, {"b", y.npy()}},
		"b first":           {{"b", y.npy()}, {"a", x.npy()}},
		"priority last":     {{"a", x.fortran()}, {"b", y.npy()}, {"priority", []byte("2")}},
		"priority between":  {{"a", x.npy()}, {"priority", []byte("2")}, {"b", y.fortran()}},
		"priority at first": {{"priority", []byte("2")}, {"a", x.fortran()}, {"b", y.fortran()}},
	} {
		t.Run(name, func(t *testing.T) {
			contentType, body := form(t, parts...)
			a := b.post(t, "/v1/multiplications", contentType, body).want(t, http.StatusAccepted)
			m := decode[resource.Multiplication](t, a)
			if got := a.Header.Get("Location"); got != "/v1/multiplications/"+m.ID || m.Priority != 2 {
				t.Errorf("Location %q, priority %d, want the path of %s and 2", got, m.Priority, m.ID)
			}
			b.checkResult(t, m.ID, x.times(y))
		})
	}
}

func TestPriority(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	const operands = `"a": {"values": [[1]]}, "b": {"values": [[1]]}`
	check := func(m resource.Multiplication, want int) {
		t.Helper()
		var queued int
		const query = "SELECT j.priority FROM river_job j JOIN inline_pending p ON p.job = j.id WHERE p.id = $1"
		if err := b.store.Pool.QueryRow(t.Context(), query, m.ID).Scan(&queued); err != nil {
			t.Fatal(err)
		}
		if m.Priority != want || queued != want {
			t.Errorf("priority %d, queued with %d, want %d", m.Priority, queued, want)
		}
	}
	check(b.submit(t, `{`+operands+`}`), jobsDefaultPriority)
	for p := 1; p <= 4; p++ {
		check(b.submit(t, fmt.Sprintf(`{"priority": %d, %s}`, p, operands)), p)
		check(b.submit(t, fmt.Sprintf(`{%s, "priority": %d}`, operands, p)), p)
		file := someElements(1, 1).npy()
		contentType, body := form(t, part{"a", file}, part{"priority", fmt.Append(nil, p)}, part{"b", file})
		a := b.post(t, "/v1/multiplications", contentType, body).want(t, http.StatusAccepted)
		check(decode[resource.Multiplication](t, a), p)
	}
}

const jobsDefaultPriority = 2 // what the description of the API promises

// TestEmptyResults: results without elements, and sums without terms, which are zeros.
func TestEmptyResults(t *testing.T) {
	t.Parallel()
	b := setup(t)
	random := func(rows, cols int) string { return fmt.Sprintf(`{"random": {"rows": %d, "cols": %d}}`, rows, cols) }
	for _, c := range []struct {
		a, b, want string
		tiles      int64
	}{
		{`{"values": []}`, `{"values": []}`, `{"rows": 0, "cols": 0, "values": []}`, 0},
		{`{"values": []}`, random(0, 3), `{"rows": 0, "cols": 3, "values": []}`, 0},
		{random(0, 5), random(5, 3), `{"rows": 0, "cols": 3, "values": []}`, 0},
		{`{"values": [[1, 2]]}`, `{"values": [[], []]}`, `{"rows": 1, "cols": 0, "values": [[]]}`, 0},
		{`{"values": [[], []]}`, `{"values": []}`, `{"rows": 2, "cols": 0, "values": [[], []]}`, 0},
		{`{"values": [[], []]}`, random(0, 3), `{"rows": 2, "cols": 3, "values": [[0, 0, 0], [0, 0, 0]]}`, 1},
	} {
		m := b.submit(t, fmt.Sprintf(`{"a": %s, "b": %s}`, c.a, c.b))
		if c.tiles == 0 && m.State != "completed" {
			t.Errorf("%s · %s is %s, want it completed at once", c.a, c.b, m.State)
		}
		m = b.complete(t, m.ID)
		if m.Tiles.Total != c.tiles || m.Progress != 1 {
			t.Errorf("%s · %s: %+v, progress %v, want %d tiles, 1", c.a, c.b, m.Tiles, m.Progress, c.tiles)
		}
		a := b.get(t, m.Result.Href, "Accept", jsonType).want(t, http.StatusOK)
		if got := strings.TrimSpace(string(a.body)); got != c.want {
			t.Errorf("%s · %s = %s, want %s", c.a, c.b, got, c.want)
		}
	}
	// The number of empty rows has no limit: no form may take room for each.
	const rows = `{"a": {"random": {"rows": 4611686018427387904, "cols": 0}}, "b": {"values": []}}`
	m := b.complete(t, b.submit(t, rows).ID)
	b.get(t, m.Result.Href, "Accept", jsonType).want(t, http.StatusNotAcceptable)
	a := b.get(t, m.Result.Href).want(t, http.StatusOK)
	if header := string(a.body); !strings.Contains(header, "(4611686018427387904, 0)") || len(header) != 128 {
		t.Errorf("got %q, want a header of 4611686018427387904×0", header)
	}
}

func TestTiles(t *testing.T) {
	t.Parallel()
	for _, files := range []bool{false, true} {
		b := setupWith(t, options{files: files})
		x, y := someElements(2600, 1).float32(), someElements(1, 2100).float32()
		contentType, body := form(t, part{"a", x.npy()}, part{"b", y.npy()})
		a := b.post(t, "/v1/multiplications", contentType, body).want(t, http.StatusAccepted)
		m := decode[resource.Multiplication](t, a)
		if want := matrix.NewPlan(2600, 1, 2100).Tiles(); want < 2 || m.Tiles.Total != want || m.DType != matrix.Float32 {
			t.Errorf("%+v of %s, want %d tiles of float32", m.Tiles, m.DType, want)
		}
		b.checkResult(t, m.ID, x.times(y))
		if m = b.status(t, m.ID); m.Tiles.Completed != m.Tiles.Total || m.Progress != 1 || m.Attempts < m.Tiles.Total {
			t.Errorf("%+v, %d attempts, progress %v, want each tile completed", m.Tiles, m.Attempts, m.Progress)
		}
	}
}

func TestPromotion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	double := someElements(3, 3)
	single := double.float32()
	for _, c := range [][2]elements{{single, single}, {single, double}, {double, single}, {double, double}} {
		contentType, body := form(t, part{"a", c[0].npy()}, part{"b", c[1].npy()})
		a := b.post(t, "/v1/multiplications", contentType, body).want(t, http.StatusAccepted)
		m := decode[resource.Multiplication](t, a)
		if m.A.DType != c[0].DType || m.B.DType != c[1].DType {
			t.Errorf("a is %s, b is %s, want %s, %s", m.A.DType, m.B.DType, c[0].DType, c[1].DType)
		}
		b.checkResult(t, m.ID, c[0].times(c[1]))
	}
}

package handlers_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// elements is a row-major matrix.
type elements struct {
	matrix.Shape
	data []float64
}

func newElements(rows, cols int64, data ...float64) elements {
	return elements{Shape: matrix.Shape{
		Rows:  rows,
		Cols:  cols,
		DType: matrix.Float64,
	}, data: data}
}

// someElements returns a matrix of small whole numbers: sums of products of these numbers are exact in any order.
func someElements(rows, cols int64) elements {
	random := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	e := newElements(rows, cols)
	for range e.Elements() {
		e.data = append(e.data, float64(random.IntN(19)-9))
	}
	return e
}

func (e elements) float32() elements {
	e.DType = matrix.Float32
	return e
}

// times returns the product of the matrices e and f.
func (e elements) times(f elements) elements {
	c := newElements(e.Rows, f.Cols)
	c.DType = matrix.Promote(e.DType, f.DType)
	c.data = make([]float64, c.Elements())
	for i := range e.Rows {
		for l := range e.Cols {
			for j := range f.Cols {
				c.data[i*c.Cols+j] += e.data[i*e.Cols+l] * f.data[l*f.Cols+j]
			}
		}
	}
	return c
}

// content returns the elements as little-endian bytes.
func (e elements) content() []byte {
	var b []byte
	for _, x := range e.data {
		if e.DType == matrix.Float32 {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
		} else {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	return b
}

// npy returns the matrix as a .npy file.
func (e elements) npy() []byte { return append(npy.AppendHeader(nil, e.Shape), e.content()...) }

// fortran returns the matrix as a .npy file in Fortran order.
func (e elements) fortran() []byte {
	t := newElements(e.Cols, e.Rows)
	t.DType = e.DType
	for j := range e.Cols {
		for i := range e.Rows {
			t.data = append(t.data, e.data[i*e.Cols+j])
		}
	}
	descr := map[matrix.DType]string{matrix.Float64: "<f8", matrix.Float32: "<f4"}[e.DType]
	return npyFile(descr, "True", fmt.Sprintf("(%d, %d)", e.Rows, e.Cols), t.content())
}

// json returns the matrix as JSON rows.
func (e elements) json() string {
	rows := make([][]float64, e.Rows) // none of them nil, which would be null
	for i := range rows {
		rows[i] = append([]float64{}, e.data[int64(i)*e.Cols:int64(i+1)*e.Cols]...)
	}
	text, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// npyFile returns a .npy file of version 1 with a header of the given members.
func npyFile(descr, fortran, shape string, content []byte) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, fortran, shape)
	return npyWithHeader(header, content)
}

// npyWithHeader returns a .npy file of version 1 with the given header.
func npyWithHeader(header string, content []byte) []byte {
	header += "\n"
	file := append([]byte("\x93NUMPY"), 1, 0)
	file = binary.LittleEndian.AppendUint16(file, uint16(len(header)))
	return append(append(file, header...), content...)
}

// part is one part of a form.
type part struct {
	name    string
	content []byte
}

// form returns a multipart body and its type.
func form(t testing.TB, parts ...part) (contentType string, body []byte) {
	t.Helper()
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	for _, p := range parts {
		header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf("form-data; name=%q", p.name)}}
		if strings.HasPrefix(string(p.content), "\x93") {
			header.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q; filename=%q", p.name, p.name+".npy"))
		}
		part, err := w.CreatePart(header)
		if err == nil {
			_, err = part.Write(p.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), buffer.Bytes()
}

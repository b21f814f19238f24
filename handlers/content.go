package handlers

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// contentInput is the request for a matrix's elements.
type contentInput struct {
	IDParam
	Accept string `header:"Accept" doc:"application/x-npy (the default) or application/json"`
}

// getResult answers GET /v1/multiplications/{id}/result.
func (a *API) getResult(ctx context.Context, in *contentInput) (*huma.StreamResponse, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	p, err := a.store.Product(ctx, id)
	if err == nil && p.State != store.Completed {
		err = fmt.Errorf("%w: the multiplication is %s, it has no result", errConflict, p.State)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return a.serve(ctx, p.C, in.Accept)
}

// getContent answers GET /v1/matrices/{id}/content.
func (a *API) getContent(ctx context.Context, in *contentInput) (*huma.StreamResponse, error) {
	id, err := in.parseID("matrix")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	m, err := a.store.ReadyMatrix(ctx, id)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return a.serve(ctx, m, in.Accept)
}

// serve answers with the content of a matrix in the form that the client accepts.
func (a *API) serve(ctx context.Context, m store.Matrix, accept string) (*huma.StreamResponse, error) {
	kind, err := negotiate(accept)
	if err == nil && kind == mediaJSON {
		err = a.checkJSON(m.Shape())
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	release, err := a.store.ReserveRead(ctx, m)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if kind == mediaJSON {
		defer release()
		return a.serveJSON(ctx, m)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer release()
		r, w := humago.Unwrap(hc)
		file := matrix.NewRowReader(r.Context(), a.store.Source(m), m.BlockRows)
		defer func() { _ = file.Close() }()
		w.Header().Set("Content-Disposition",
			mime.FormatMediaType("attachment", map[string]string{"filename": m.ID.String() + ".npy"}))
		serveForm(w, r, m.ID, mediaNPY, &loggedReader{ReadSeeker: file, report: func(err error) {
			if r.Context().Err() == nil {
				a.log.ErrorContext(r.Context(), "sending a matrix", "matrix", m.ID, "error", err)
			}
		}})
	}}, nil
}

// serveForm sends one form of a matrix, which never changes, or what the conditions and the ranges of the request leave
// of it.
func serveForm(w http.ResponseWriter, r *http.Request, id uuid.UUID, kind string, content io.ReadSeeker) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+id.String()+"-"+path.Base(kind)+`"`)
	w.Header().Set("Vary", "Accept")
	http.ServeContent(w, r, "", time.Time{}, content)
}

// loggedReader reports what goes wrong while a body is on its way, when it is too late for a status. The client sees a
// body that ends early.
type loggedReader struct {
	io.ReadSeeker
	report func(error)
}

func (l *loggedReader) Read(p []byte) (int, error) {
	n, err := l.ReadSeeker.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		l.report(err)
	}
	return n, err
}

// negotiate chooses the form of a matrix by the Accept header of RFC 9110; without a preference it is .npy.
func negotiate(accept string) (string, error) {
	if strings.TrimSpace(accept) == "" {
		return mediaNPY, nil
	}
	npy, json := quality(accept, mediaNPY), quality(accept, mediaJSON)
	switch {
	case npy <= 0 && json <= 0:
		return "", fmt.Errorf("%w: matrices are served as %s or %s", errNotAccepted, mediaNPY, mediaJSON)
	case json > npy:
		return mediaJSON, nil
	}
	return mediaNPY, nil
}

// quality returns the weight that an Accept header gives to a media type: that of the most specific range that matches.
func quality(accept, kind string) float64 {
	best, specific := 0.0, 0
	for _, part := range strings.Split(accept, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		level := 0
		switch name {
		case kind:
			level = 3
		case path.Dir(kind) + "/*":
			level = 2
		case "*/*":
			level = 1
		}
		if level <= specific {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		if err != nil {
			q = 1
		}
		best, specific = q, level
	}
	return best
}

// checkJSON refuses what is too large for JSON. Each row counts, too: one without numbers takes room all the same.
func (a *API) checkJSON(s matrix.Shape) error {
	if limit := a.limits.MaxJSONValues; s.Elements() > limit || s.Rows > limit {
		return fmt.Errorf("%w: %s is more than the %d numbers that are served as JSON, ask for %s", errNotAccepted, s, limit, mediaNPY)
	}
	return nil
}

// serveJSON answers with {"rows", "cols", "values"}. The body is made before the status is sent: whether a matrix can be
// written as JSON shows only at its last element.
func (a *API) serveJSON(ctx context.Context, m store.Matrix) (*huma.StreamResponse, error) {
	content := make([]byte, m.Shape().Bytes())
	if err := a.store.Source(m).ReadRect(ctx, m.Shape().Rect(), content); err != nil {
		return nil, a.fail(ctx, err)
	}
	text, err := appendJSON(nil, m.Shape(), content)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		serveForm(w, r, m.ID, mediaJSON, bytes.NewReader(text))
	}}, nil
}

// appendJSON appends a matrix as JSON: the shortest decimals that read back as the same numbers.
func appendJSON(dst []byte, shape matrix.Shape, content []byte) ([]byte, error) {
	dst = fmt.Appendf(dst, `{"rows": %d, "cols": %d, "values": `, shape.Rows, shape.Cols)
	dst, err := appendRows(dst, shape, content)
	return append(dst, "}\n"...), err
}

// appendRows appends the rows of a matrix as JSON.
func appendRows(dst []byte, shape matrix.Shape, content []byte) ([]byte, error) {
	dst = append(dst, '[')
	bits := 8 * shape.DType.Size()
	for i := range shape.Rows {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, '[')
		for j := range shape.Cols {
			if j > 0 {
				dst = append(dst, ", "...)
			}
			f := element(content, i*shape.Cols+j, shape.DType)
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, fmt.Errorf("%w: element [%d][%d] is %v, which JSON cannot hold, ask for %s", errNotAccepted, i, j, f, mediaNPY)
			}
			dst = strconv.AppendFloat(dst, f, 'g', -1, bits)
		}
		dst = append(dst, ']')
	}
	return append(dst, ']'), nil
}

func element(content []byte, i int64, dtype matrix.DType) float64 {
	if dtype == matrix.Float32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(content[4*i:])))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(content[8*i:]))
}

func getResultOperation() huma.Operation {
	return contentOperation("get-result", multiplicationRoute+"/result", multiplicationsTag, "The product",
		"Of a multiplication that is not completed the answer is 409.")
}

func getContentOperation() huma.Operation {
	return contentOperation("get-matrix-content", matrixRoute+"/content", matricesTag, "The elements of a matrix",
		"Of a matrix that is still being uploaded the answer is 409.")
}

func contentOperation(id, route, tag, summary, description string) huma.Operation {
	result := objectSchema(map[string]*huma.Schema{
		"rows": {Type: huma.TypeInteger, Format: "int64"}, "cols": {Type: huma.TypeInteger, Format: "int64"}, "values": valuesSchema(),
	}, "rows", "cols", "values")
	content := map[string]*huma.MediaType{
		mediaNPY:  {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		mediaJSON: {Schema: result, Example: map[string]any{"rows": 2, "cols": 2, "values": [][]int{{19, 22}, {43, 50}}}},
	}
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: route, Tags: []string{tag}, Summary: summary,
		Description: description + " Ranges of the .npy form may be asked for. NaN and infinities have no JSON form.",
		Responses: map[string]*huma.Response{
			"200": {Description: "The elements", Content: content},
			"206": {Description: "The range that was asked for", Content: map[string]*huma.MediaType{mediaNPY: content[mediaNPY]}},
		},
		Errors: []int{http.StatusNotFound, http.StatusNotAcceptable, http.StatusConflict},
	}
}

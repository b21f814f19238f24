package handlers

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
)

// contentInput is the request for a matrix's elements.
type contentInput struct {
	IDParam
	Window
	WantDigestParams
	Accept string `header:"Accept" hidden:"true"` // OpenAPI gives the choice as media types of the answer
}

// getResult answers GET /v1/multiplications/{id}/result.
func (a *API) getResult(ctx context.Context, in *contentInput) (*huma.StreamResponse, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	m, err := a.store.MultiplicationWithMatrices(ctx, id)
	if state := jobs.State(m.Multiplication.State); err == nil && state != jobs.Completed {
		err = fmt.Errorf("%w: the multiplication is %s, it has no result", errConflict, state)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return a.serve(ctx, m.C, in)
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
	return a.serve(ctx, m, in)
}

// part is what a client asked for of a matrix: all of it, or a window.
type part struct {
	matrix.Source
	id    uuid.UUID
	name  string // distinguishes it from the other parts of the matrix
	align int64  // see npy.NewFile
}

// partOf returns the part of a matrix that a request asks for.
func (a *API) partOf(m store.Matrix, w Window) (part, error) {
	p := part{Source: a.store.Source(m), id: m.ID, name: m.ID.String(), align: m.BlockRows}
	if w.whole() {
		return p, nil
	}
	rect, err := w.rect(m.Shape())
	if err != nil {
		return p, err
	}
	p.Source = matrix.NewWindow(p.Source, rect)
	p.name = fmt.Sprintf("%s-%d-%d-%d-%d", m.ID, rect.Row, rect.Row+rect.Rows, rect.Col, rect.Col+rect.Cols)
	if p.align > 0 && rect.Row%p.align != 0 {
		p.align = 0
	}
	return p, nil
}

// serve answers with the content of a matrix in the form that the client accepts.
func (a *API) serve(ctx context.Context, m store.Matrix, in *contentInput) (*huma.StreamResponse, error) {
	kind, err := negotiate(in.Accept)
	var p part
	if err == nil {
		p, err = a.partOf(m, in.Window)
	}
	if err == nil && kind == payload.JSON {
		err = a.checkJSON(p.Shape())
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	release, err := a.store.ReserveRead(ctx, m, p.Shape().Bytes())
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if kind == payload.JSON {
		defer release()
		return a.serveJSON(ctx, p)
	}
	sum, err := a.digest(ctx, m, p, in.wanted())
	if err != nil {
		release()
		return nil, a.fail(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer release()
		r, w := humago.Unwrap(hc)
		rows := npy.NewFile(r.Context(), p, p.align)
		defer func() { _ = rows.Close() }()
		var file io.ReadSeeker = rows
		if sum == nil && m.InBlocks() && in.whole() {
			hashed := newHashedReader(rows)
			defer func() { a.saveDigest(r.Context(), m, hashed, rows.Size()) }()
			file = hashed
		}
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": p.name + ".npy"}))
		late := &lateWriter{ResponseWriter: w}
		var broken error
		report := func(err error) { broken = err }
		p.serve(&digestWriter{ResponseWriter: late, request: r, sum: sum}, r, payload.NPY, &loggedReader{ReadSeeker: file, report: report})
		a.finishContent(r, late, p.id, broken)
	}}, nil
}

// finishContent ends the response with a content, whose reading may have failed.
func (a *API) finishContent(r *http.Request, w *lateWriter, id uuid.UUID, broken error) {
	if broken == nil || r.Context().Err() != nil { // the client is gone
		w.finish(nil)
		return
	}
	w.finish(a.fail(r.Context(), fmt.Errorf("sending matrix %s: %w", id, broken)))
}

// serve sends one form of a part, which never changes, or what the conditions and the ranges of the request leave of it.
func (p part) serve(w http.ResponseWriter, r *http.Request, kind string, content io.ReadSeeker) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+p.name+"-"+path.Base(kind)+`"`)
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
		return payload.NPY, nil
	}
	npy, json := quality(accept, payload.NPY), quality(accept, payload.JSON)
	switch {
	case npy <= 0 && json <= 0:
		return "", fmt.Errorf("%w: matrices are served as %s or %s", errNotAccepted, payload.NPY, payload.JSON)
	case json > npy:
		return payload.JSON, nil
	}
	return payload.NPY, nil
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

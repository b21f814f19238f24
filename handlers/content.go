package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
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

	"github.com/millrace/millrace/handlers/download"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/jsonrows"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
)

// contentInput is the request for a matrix's elements.
type contentInput struct {
	IDParam
	download.Window
	WantDigestParams
	Accept string `header:"Accept" hidden:"true"` // OpenAPI has media types of the response instead
}

// getResult handles GET /v1/multiplications/{id}/result.
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

// getContent handles GET /v1/matrices/{id}/content.
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

// part is what a request asks for of a matrix: all of it, or a window.
type part struct {
	matrix.Source
	id    uuid.UUID
	name  string // distinguishes the part from others of the matrix
	whole bool
	align int64 // see npy.NewFile
}

// partOf returns the part of a matrix that a request asks for.
func (a *API) partOf(m store.Matrix, w download.Window) (part, error) {
	p := part{
		Source: a.store.Source(m),
		id:     m.ID,
		name:   m.ID.String(),
		whole:  w.Whole(),
		align:  m.BlockRows,
	}
	if p.whole {
		return p, nil
	}
	rect, err := w.Rect(m.Shape())
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

// serve responds with the content of a matrix in the form that the client accepts.
func (a *API) serve(ctx context.Context, m store.Matrix, in *contentInput) (*huma.StreamResponse, error) {
	kind, err := negotiate(in.Accept)
	var p part
	if err == nil {
		p, err = a.partOf(m, in.Window)
	}
	if err == nil && kind == resource.MediaJSON {
		err = a.checkJSON(p.Shape())
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if kind == resource.MediaJSON {
		return a.serveJSON(ctx, p)
	}
	release, err := a.store.ReserveRead(ctx, p.Shape().Bytes())
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	sum, err := a.digest(ctx, m, p, in.wanted())
	if err != nil {
		release()
		return nil, a.fail(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer release()
		r, w := humago.Unwrap(hc)
		late := download.NewLateWriter(w)
		late.Finish(a.sendNPY(download.NewDigestWriter(late, r, sum), m, p))
	}}, nil
}

// sendNPY sends a part of a matrix as a .npy file, and returns what clients are told if it cannot be read. It saves the
// digest of a whole matrix whose digest was not known.
func (a *API) sendNPY(w *download.DigestWriter, m store.Matrix, p part) error {
	ctx := w.Request.Context()
	rows := npy.NewFile(ctx, p, p.align)
	defer func() { _ = rows.Close() }()
	var file io.ReadSeeker = rows
	if w.Sum == nil && m.InBlocks() && p.whole {
		hashed := download.NewHashedReader(rows)
		defer func() { a.saveDigest(ctx, m, hashed, rows.Size()) }()
		file = hashed
	}
	name := map[string]string{"filename": p.name + ".npy"}
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", name))
	watched := &download.WatchedReader{ReadSeeker: file}
	p.send(w, resource.MediaNPY, watched)
	if watched.Err == nil || ctx.Err() != nil { // the client is gone
		return nil
	}
	return a.fail(ctx, fmt.Errorf("sending matrix %s: %w", p.id, watched.Err))
}

// send sends one form of a part, or what the conditions and ranges of the request leave of it. A part does not change.
func (p part) send(w *download.DigestWriter, kind string, content io.ReadSeeker) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+p.name+"-"+path.Base(kind)+`"`)
	w.Header().Set("Vary", "Accept")
	r := w.Request
	if size, err := content.Seek(0, io.SeekEnd); err == nil {
		r = download.Serveable(r, size)
	}
	http.ServeContent(w, r, "", time.Time{}, content)
}

// negotiate chooses the form of a matrix by the Accept header of RFC 9110; without a preference it is .npy.
func negotiate(accept string) (string, error) {
	if strings.TrimSpace(accept) == "" {
		return resource.MediaNPY, nil
	}
	npy, json := quality(accept, resource.MediaNPY), quality(accept, resource.MediaJSON)
	switch {
	case npy <= 0 && json <= 0:
		return "", fmt.Errorf("%w: matrices are served as %s or %s", errNotAccepted, resource.MediaNPY, resource.MediaJSON)
	case json > npy:
		return resource.MediaJSON, nil
	}
	return resource.MediaNPY, nil
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

// checkJSON returns errNotAccepted for a matrix that is too large for JSON. A row counts as a number does: it takes
// room even if it is empty.
func (a *API) checkJSON(s matrix.Shape) error {
	if limit := a.limits.MaxJSONValues; s.Elements() > limit || s.Rows > limit {
		return fmt.Errorf("%w: %s is more than the %d numbers that are served as JSON, ask for %s",
			errNotAccepted, s, limit, resource.MediaNPY)
	}
	return nil
}

// serveJSON responds with {"rows", "cols", "values"}. It renders the whole body before it sends the status, since the
// last element may be one that JSON cannot represent.
func (a *API) serveJSON(ctx context.Context, p part) (*huma.StreamResponse, error) {
	release, err := a.store.Reserve(ctx, jsonMemory(p.Shape()))
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	text, err := p.json(ctx)
	if err != nil {
		release()
		return nil, a.fail(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer release() // the client may be slow
		r, w := humago.Unwrap(hc)
		sum := sha256.Sum256(text)
		p.send(download.NewDigestWriter(w, r, sum[:]), resource.MediaJSON, bytes.NewReader(text))
	}}, nil
}

// maxNumberText is the length of the longest number as JSON with its comma, such as -2.2250738585072014e-308.
const maxNumberText = 26

// jsonMemory returns what it takes to render a matrix as JSON, in bytes: its elements and the text.
func jsonMemory(s matrix.Shape) int64 { return s.Bytes() + maxNumberText*s.Elements() + 4*s.Rows + 100 }

// json renders a part.
func (p part) json(ctx context.Context) ([]byte, error) {
	shape := p.Shape()
	content := make([]byte, shape.Bytes())
	if err := p.ReadRect(ctx, shape.Rect(), content); err != nil {
		return nil, err
	}
	return appendJSON(make([]byte, 0, jsonMemory(shape)-shape.Bytes()), shape, content)
}

// appendJSON appends a matrix as JSON. It returns errNotAccepted for one that JSON cannot represent.
func appendJSON(dst []byte, shape matrix.Shape, content []byte) ([]byte, error) {
	dst = fmt.Appendf(dst, `{"rows": %d, "cols": %d, "values": `, shape.Rows, shape.Cols)
	dst, err := jsonrows.AppendRows(dst, shape, content)
	if errors.Is(err, jsonrows.ErrNotFinite) {
		err = fmt.Errorf("%w: %w, ask for %s", errNotAccepted, err, resource.MediaNPY)
	}
	return append(dst, "}\n"...), err
}

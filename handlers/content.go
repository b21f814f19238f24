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
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/download"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/retention"
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
	m, err := a.own(ctx).Whole(ctx, id)
	if state := jobs.State(m.Multiplication.State); err == nil && state != jobs.Completed {
		err = noResult(state)
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
	m, err := a.own(ctx).ReadyMatrix(ctx, id)
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

// serve responds with the content of a matrix in the form that the client prefers. A matrix without a JSON form is sent
// as .npy, if that is acceptable.
func (a *API) serve(ctx context.Context, m store.Matrix, in *contentInput) (*huma.StreamResponse, error) {
	if err := retention.Read(ctx, a.store, m); err != nil { // the client gets what it asked for
		a.log.WarnContext(ctx, "noting that a matrix is read", "error", err)
	}
	forms, err := download.Forms(in.Accept)
	var p part
	if err == nil {
		p, err = a.partOf(m, in.Window)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	var resp *huma.StreamResponse
	for _, form := range forms {
		if form == resource.MediaJSON {
			resp, err = a.serveJSON(ctx, m, p)
		} else {
			resp, err = a.serveNPY(ctx, m, p, in.wanted())
		}
		if !errors.Is(err, download.ErrNotAccepted) {
			break
		}
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return resp, nil
}

func (a *API) serveNPY(ctx context.Context, m store.Matrix, p part, wanted bool) (*huma.StreamResponse, error) {
	release, err := a.store.ReserveRead(ctx, p.Shape().Bytes())
	if err != nil {
		return nil, err
	}
	sum, err := a.digest(ctx, m, p, wanted)
	if err != nil {
		release()
		return nil, err
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
	if w.Sum == nil && m.InBlocks() && p.whole {
		rows.Hash()
		defer func() { a.saveDigest(ctx, m, rows.Digest()) }()
	}
	name := map[string]string{"filename": p.name + ".npy"}
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", name))
	watched := &download.WatchedReader{ReadSeeker: rows}
	p.send(w, resource.MediaNPY, watched)
	if watched.Err == nil || ctx.Err() != nil { // the client is gone
		return nil
	}
	return a.fail(ctx, fmt.Errorf("sending matrix %s: %w", p.id, watched.Err))
}

// tag returns the ETag of one form of a part. The text of JSON has changed once: numbers were written differently.
func (p part) tag(kind string) string {
	name := path.Base(kind)
	if kind == resource.MediaJSON {
		name = "json2"
	}
	return `"` + p.name + "-" + name + `"`
}

// send sends one form of a part, or what the conditions and ranges of the request leave of it. A part does not change.
func (p part) send(w *download.DigestWriter, kind string, content io.ReadSeeker) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", p.tag(kind))
	w.Header().Set("Vary", "Accept")
	r := w.Request
	if size, err := content.Seek(0, io.SeekEnd); err == nil {
		r = download.Serveable(r, size)
	}
	http.ServeContent(w, r, "", time.Time{}, content)
}

// checkJSON returns download.ErrNotAccepted for a matrix that is too large for JSON: without a limit for JSON, for rows
// without numbers that would be more text than the largest matrix. A row counts as a number does: it takes room even if
// it is empty.
func (a *API) checkJSON(s matrix.Shape) error {
	limit := a.limits.MaxJSONValues
	if limit <= 0 {
		limit = a.limits.MaxMatrixBytes / int64(matrix.Float32.Size())
	}
	if limit > 0 && max(s.Elements(), s.Rows) > limit {
		return fmt.Errorf("%w: %s is more than the %d numbers that are served as JSON, ask for %s",
			download.ErrNotAccepted, s, limit, resource.MediaNPY)
	}
	return nil
}

// serveJSON responds with {"rows", "cols", "values"}. It looks at all elements before it sends the status, since the
// last one may be one that JSON cannot represent.
func (a *API) serveJSON(ctx context.Context, m store.Matrix, p part) (*huma.StreamResponse, error) {
	if err := a.checkJSON(p.Shape()); err != nil {
		return nil, err
	}
	text := download.NewJSON(p, p.align, m.Seed != nil)
	release, err := a.store.Reserve(ctx, text.Memory())
	if err != nil {
		return nil, err
	}
	var whole []byte
	if text.Small() {
		whole, err = text.Render(ctx)
	} else {
		err = text.Check(ctx)
	}
	if err != nil {
		release()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer release()
		r, w := humago.Unwrap(hc)
		if !text.Small() {
			a.streamJSON(w, r, p, text)
			return
		}
		sum := sha256.Sum256(whole)
		p.send(download.NewDigestWriter(w, r, sum[:]), resource.MediaJSON, bytes.NewReader(whole))
	}}, nil
}

// streamJSON sends JSON while it is rendered: its length is not known, and it has neither a digest nor ranges. A
// response that is not whole ends with an aborted connection.
func (a *API) streamJSON(w http.ResponseWriter, r *http.Request, p part, text download.JSON) {
	if download.Precondition(w, r, p.tag(resource.MediaJSON)) {
		return
	}
	w.Header().Set("Content-Type", resource.MediaJSON)
	w.Header().Set("Accept-Ranges", "none")
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	late := download.NewLateWriter(w)
	err := text.Write(r.Context(), late)
	if gone := (download.WriteError{}); err != nil && !errors.As(err, &gone) {
		err = a.fail(r.Context(), fmt.Errorf("sending matrix %s: %w", p.id, err))
	}
	late.Finish(err)
}

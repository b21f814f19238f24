package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/jsonrows"
)

// checkJSON returns errNotAccepted for a matrix that is too large for JSON. Rows count as numbers do: without any they
// take room.
func (a *API) checkJSON(s matrix.Shape) error {
	if limit := a.limits.MaxJSONValues; s.Elements() > limit || s.Rows > limit {
		return fmt.Errorf("%w: %s is more than the %d numbers that are served as JSON, ask for %s",
			errNotAccepted, s, limit, resource.MediaNPY)
	}
	return nil
}

// serveJSON responds with {"rows", "cols", "values"}. It makes the whole body before it sends the status: the last
// element may be one that JSON cannot represent.
func (a *API) serveJSON(ctx context.Context, p part) (*huma.StreamResponse, error) {
	shape := p.Shape()
	content := make([]byte, shape.Bytes())
	if err := p.ReadRect(ctx, shape.Rect(), content); err != nil {
		return nil, a.fail(ctx, err)
	}
	text, err := appendJSON(nil, shape, content)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		sum := sha256.Sum256(text)
		p.serve(&digestWriter{ResponseWriter: w, request: r, sum: sum[:]}, r, resource.MediaJSON, bytes.NewReader(text))
	}}, nil
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

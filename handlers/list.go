package handlers

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/store"
)

// MultiplicationList is one page of multiplications.
type MultiplicationList struct {
	Items      []Multiplication `json:"items" doc:"The newest first" nullable:"false" maxItems:"200"`
	NextCursor string           `json:"next_cursor,omitempty" pattern:"^[A-Za-z0-9_-]+$" maxLength:"32" doc:"The cursor of the next page; absent on the last one"`
}

// listInput is the request for a page.
type listInput struct {
	Conditional
	States []store.State `query:"state,explode" enum:"pending,in_progress,completed,failed,cancelled" doc:"Only those in this state; may be given several times" example:"[\"failed\",\"cancelled\"]"`
	Matrix string        `query:"matrix_id" doc:"Only those of which this matrix is an operand or the product"`
	Since  time.Time     `query:"created_since" doc:"Only those created at this time or later" example:"2026-01-02T15:04:05Z"`
	Before time.Time     `query:"created_before" doc:"Only those created before this time" example:"2026-01-03T00:00:00Z"`
	Limit  int           `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many a page has at most"`
	Cursor string        `query:"cursor" doc:"Where the page begins: next_cursor of the page before, with the same filters"`
	url    url.URL
}

// Resolve implements huma.Resolver.
func (in *listInput) Resolve(ctx huma.Context) []error {
	in.url = ctx.URL()
	return nil
}

type listOutput struct {
	Link string `header:"Link" doc:"The next page as rel=\"next\", unless this is the last one"`
	ETag string `header:"ETag"`
	Body MultiplicationList
}

// listMultiplications answers GET /v1/multiplications.
func (a *API) listMultiplications(ctx context.Context, in *listInput) (*listOutput, error) {
	filter := store.Filter{States: in.States, Since: in.Since, Before: in.Before}
	var behind *store.Position
	var err error
	if in.Cursor != "" {
		behind, err = parseCursor(in.Cursor)
	}
	if err == nil && in.Matrix != "" {
		filter.Matrix, err = parseMatrixFilter(in.Matrix)
	}
	var statuses []store.Status
	var next *store.Position
	if err == nil {
		statuses, next, err = a.store.List(ctx, filter, behind, in.Limit)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &listOutput{Body: MultiplicationList{Items: make([]Multiplication, len(statuses))}}
	for i, status := range statuses {
		out.Body.Items[i] = a.multiplicationBody(status)
	}
	if next != nil {
		out.Body.NextCursor = formatCursor(*next)
		out.Link = in.nextLink(out.Body.NextCursor)
	}
	out.ETag, err = in.check(out.Body)
	return out, err
}

// nextLink is the Link header of RFC 8288 for the page behind this one.
func (in *listInput) nextLink(cursor string) string {
	query := in.url.Query()
	query.Set("cursor", cursor)
	return fmt.Sprintf(`<%s?%s>; rel="next"`, multiplicationsPath, query.Encode())
}

func parseMatrixFilter(text string) (*uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: matrix_id: there is no matrix %.60q", payload.ErrInvalid, text)
	}
	return &id, nil
}

// A cursor is the time, in microseconds as Postgres keeps it, and the id of the last multiplication of a page.
const cursorBytes = 8 + len(uuid.UUID{})

func formatCursor(p store.Position) string {
	raw := binary.BigEndian.AppendUint64(make([]byte, 0, cursorBytes), uint64(p.CreatedAt.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, p.ID[:]...))
}

func parseCursor(text string) (*store.Position, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != cursorBytes {
		return nil, fmt.Errorf("%w: cursor %.60q is not the next_cursor of any page", payload.ErrInvalid, text)
	}
	micros := int64(binary.BigEndian.Uint64(raw)) //nolint:gosec // the same bits
	return &store.Position{CreatedAt: time.UnixMicro(micros), ID: uuid.UUID(raw[8:])}, nil
}

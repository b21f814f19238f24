package handlers

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/cursor"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// listInput is the request for a page of multiplications.
type listInput struct {
	guard.Conditional
	States []jobs.State `query:"state,explode" enum:"pending,in_progress,completed,failed,cancelled" doc:"Only multiplications in this state; may be given several times" example:"[\"failed\",\"cancelled\"]"`
	Matrix string       `query:"matrix_id" doc:"Only multiplications that have this matrix as an operand or as the result"`
	Since  time.Time    `query:"created_since" doc:"Only multiplications created at this time or later" example:"2026-01-02T15:04:05Z"`
	Before time.Time    `query:"created_before" doc:"Only multiplications created before this time" example:"2026-01-03T00:00:00Z"`
	Limit  int          `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of multiplications in the page"`
	Cursor string       `query:"cursor" doc:"next_cursor of the previous page, with the same filters"`
	url    url.URL
}

// Resolve implements huma.Resolver.
func (in *listInput) Resolve(ctx huma.Context) []error {
	in.url = ctx.URL()
	return nil
}

type listOutput struct {
	Link string `header:"Link"`
	ETag string `header:"ETag"`
	Body resource.MultiplicationList
}

// listMultiplications handles GET /v1/multiplications.
func (a *API) listMultiplications(ctx context.Context, in *listInput) (*listOutput, error) {
	filter := jobs.Filter{States: in.States, Filter: store.Filter{Since: in.Since, Before: in.Before}}
	behind, err := cursor.Parse(in.Cursor)
	if err == nil && in.Matrix != "" {
		filter.Matrix, err = parseMatrixFilter(in.Matrix)
	}
	var page []jobs.Multiplication
	var next *store.Position
	if err == nil {
		page, next, err = a.jobs.List(ctx, identity.From(ctx).Tenant, filter, behind, in.Limit)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &listOutput{Body: resource.MultiplicationList{Items: make([]resource.Multiplication, len(page))}}
	for i, m := range page {
		out.Body.Items[i] = a.multiplicationBody(ctx, m)
	}
	if next != nil {
		out.Body.NextCursor = cursor.Format(*next)
		out.Link = cursor.Link(apidoc.MultiplicationsPath, in.url, out.Body.NextCursor)
	}
	if out.ETag, err = guard.EntityTag(out.Body); err == nil {
		err = in.Compare(out.ETag)
	}
	return out, err
}

func parseMatrixFilter(text string) (*uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: matrix_id: there is no matrix %.60q", payload.ErrInvalid, text)
	}
	return &id, nil
}

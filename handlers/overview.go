package handlers

import (
	"context"

	"github.com/millrace/millrace/handlers/quotas"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
)

type limitsOutput struct {
	Body resource.Limits
}

// getLimits handles GET /v1/limits.
func (a *API) getLimits(ctx context.Context, _ *struct{}) (*limitsOutput, error) {
	limits, err := quotas.Limits(ctx, a.jobs.Quotas(), identity.From(ctx).Tenant)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &limitsOutput{Body: limits}, nil
}

type overviewOutput struct {
	Body resource.Overview
}

// getOverview handles GET /v1/overview.
func (a *API) getOverview(ctx context.Context, _ *struct{}) (*overviewOutput, error) {
	seen, at, err := a.overviews.Get(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &overviewOutput{Body: a.overviewBody(identity.From(ctx), seen, at)}, nil
}

// Package quotas tells clients of the quotas of their tenants: by the header fields and problem types of the draft
// "RateLimit header fields for HTTP" of the IETF (draft-ietf-httpapi-ratelimit-headers), and by /v1/limits.
package quotas

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/quota"
)

// exceeded is the type of the problem that a quota is used up.
const exceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded"

// reasons are those of the refusals.
var reasons = map[string]guard.Reason{
	quota.StoredBytes: guard.StoredBytes,
	quota.Queued:      guard.QueuedWork,
	quota.Requests:    guard.TenantRequests,
}

// Exceeded reports whether an error is that of a quota.
func Exceeded(err error) bool {
	var e *quota.Error
	return errors.As(err, &e)
}

// Reason returns the reason of the refusal that an error of a quota is; "" for other errors.
func Reason(err error) guard.Reason {
	var e *quota.Error
	if !errors.As(err, &e) {
		return ""
	}
	return reasons[e.Quota]
}

// Problem returns the response to an error of a quota, with its Retry-After.
func Problem(err error) error {
	var e *quota.Error
	if !errors.As(err, &e) {
		return err
	}
	p := problem.New(problem.Quota, e.Error())
	p.Type = exceeded
	p.Violated = []string{e.Quota}
	return problem.After(p, e.Retry)
}

// Limit returns a middleware that counts the requests of tenants, and refuses what is too many, before a body is read.
func Limit(
	keeper *quota.Keeper, principal func(context.Context) identity.Principal, refusals *guard.Refusals,
) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		if keeper.None() {
			next(hc)
			return
		}
		rate, limited, err := keeper.Take(principal(hc.Context()).Tenant, time.Now())
		if limited {
			hc.SetHeader("RateLimit-Policy",
				fmt.Sprintf(`"%s";q=%d;w=%s`, quota.Requests, rate.Quota, problem.Seconds(rate.Window)))
			hc.SetHeader("RateLimit",
				fmt.Sprintf(`"%s";r=%d;t=%s`, quota.Requests, rate.Remaining, problem.Seconds(rate.Reset)))
		}
		if err != nil {
			_, w := humago.Unwrap(hc)
			refusals.Note(hc.Context(), Reason(err), "error", err)
			problem.Write(w, Problem(err))
			return
		}
		next(hc)
	}
}

// Limits returns what a tenant may have, and what it has.
func Limits(ctx context.Context, keeper *quota.Keeper, t identity.TenantID) (resource.Limits, error) {
	used, err := keeper.Usage(ctx, t)
	if err != nil {
		return resource.Limits{}, err
	}
	may := keeper.Limits(t)
	return resource.Limits{
		StoredBytes:   resource.Quota{Used: used.StoredBytes, Limit: limit(float64(may.StoredBytes))},
		QueuedSeconds: resource.Quota{Used: used.QueuedSeconds, Limit: limit(may.QueuedSeconds)},
		Requests:      resource.RequestQuota{Limit: limit(may.Requests)},
	}, nil
}

// limit returns nil for no limit.
func limit(n float64) *float64 {
	if n == 0 {
		return nil
	}
	return &n
}

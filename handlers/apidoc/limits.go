package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
)

// GetLimits describes GET /v1/limits.
func GetLimits() huma.Operation {
	return huma.Operation{
		OperationID: "get-limits",
		Tags:        []string{overviewTag},
		Summary:     "Get the quotas of the tenant",
		Security:    needsRead,
		Description: "What the tenant for which the request acts may have, and what it has. What has no room in a quota is " +
			"refused with 429 and `Retry-After`. While there is a quota of requests, responses have `RateLimit` and " +
			"`RateLimit-Policy`.",
		Responses: responses(success(http.StatusOK, "The quotas.", exampleLimits())),
	}
}

func exampleLimits() resource.Limits {
	return resource.Limits{
		StoredBytes:   resource.Quota{Used: 800_000_000, Limit: new(1e12)},
		QueuedSeconds: resource.Quota{Used: 40.5, Limit: new(36_000.0)},
		Requests:      resource.RequestQuota{Limit: new(50.0)},
	}
}

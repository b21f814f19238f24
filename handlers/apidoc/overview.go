package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
)

// GetOverview describes GET /v1/overview.
func GetOverview() huma.Operation {
	return huma.Operation{
		OperationID: "get-overview",
		Security:    needsRead,
		Tags:        []string{overviewTag},
		Summary:     "Get the state of the system",
		Description: "To an administrator the numbers are those of the whole system. Others see the multiplications of " +
			"their tenant, and no queues. They are read on request, at most once per second " +
			"however many clients ask. `version`, `started_at`, `kernel` and `ops_port` are those of the API process " +
			"that responds.",
		Responses: responses(success(http.StatusOK, "The current state.", example.Overview())),
	}
}

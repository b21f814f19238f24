package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
)

// GetOverview describes GET /v1/overview.
func GetOverview() huma.Operation {
	return huma.Operation{
		OperationID: "get-overview", Tags: []string{overviewTag},
		Summary: "What runs here, and what there is to do",
		Description: "The state of the queues, taken once per second at most, however many clients ask, and never while nobody does. " +
			"The numbers of the whole system; version, started_at and ops_port are those of the API that answers.",
		Responses: responses(success(http.StatusOK, "The present state.", exampleOverview(), "Cache-Control")),
	}
}

func exampleOverview() resource.Overview {
	return resource.Overview{
		Version: "v0.2.0", StartedAt: exampleTime, ObservedAt: exampleTime, Workers: 2,
		Queues:          []resource.QueueState{{Name: "small"}, {Name: "tiles", Waiting: 12, Running: 4}},
		Multiplications: resource.ActiveMultiplications{InProgress: 1}, OpsPort: 9090,
		Links: resource.OverviewLinks{Docs: "/docs/", OpenAPI: "/openapi.json", RiverUI: "/riverui/"},
	}
}

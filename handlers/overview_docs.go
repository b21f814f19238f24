package handlers

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

const overviewTag = "overview"

func getOverviewOperation() huma.Operation {
	return huma.Operation{
		OperationID: "get-overview", Method: http.MethodGet, Path: "/v1/overview", Tags: []string{overviewTag},
		Summary: "What runs here, and what there is to do",
		Description: "The state of the queues, taken once per second at most, however many clients ask, and never while nobody does. " +
			"The numbers of the whole system; version, started_at and ops_port are those of the API that answers.",
		Responses: responses(success(http.StatusOK, "The present state.", exampleOverview(), "Cache-Control")),
	}
}

func exampleOverview() Overview {
	return Overview{
		Version: "v0.2.0", StartedAt: exampleTime, ObservedAt: exampleTime, Workers: 2,
		Queues:          []QueueState{{Name: "small"}, {Name: "tiles", Waiting: 12, Running: 4}},
		Multiplications: ActiveMultiplications{InProgress: 1}, OpsPort: 9090,
		Links: OverviewLinks{Docs: docsPath, OpenAPI: "/openapi.json", RiverUI: riverUIPath},
	}
}

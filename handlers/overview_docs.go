package handlers

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const overviewTag = "overview"

func exampleOverview() Overview {
	return Overview{
		Version: "v1.0.0", StartedAt: exampleTime, ObservedAt: exampleTime.Add(time.Hour), Workers: 2,
		Queues:          []QueueState{{Name: "small"}, {Name: "tiles", Waiting: 38, Running: 4, Retrying: 1}},
		Multiplications: ActiveMultiplications{Pending: 1, InProgress: 2}, OpsPort: 9090,
		Links: OverviewLinks{Docs: docsPath, OpenAPI: "/openapi.json", RiverUI: riverUIPath},
	}
}

func getOverviewOperation() huma.Operation {
	return huma.Operation{
		OperationID: "get-overview", Method: http.MethodGet, Path: "/v1/overview", Tags: []string{overviewTag},
		Summary: "What runs here, and what there is to do",
		Description: "The state of the queues, taken once per second at most, however many clients ask, and never while nobody does. " +
			"The numbers are of the whole system; `version`, `started_at` and `ops_port` are those of the API that answers.",
		Responses: responses(success(http.StatusOK, "What there is.", exampleOverview(), "Cache-Control")),
	}
}

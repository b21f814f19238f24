package guard

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// maxQuery is the length of the longest query that is accepted, in bytes.
const maxQuery = 4096

// Queries refuses requests to the operations of an API with a query that is too long or malformed, or that has a
// parameter several times, unless it is one of lists. Huma would take the first value, and drop what it cannot parse.
func Queries(api huma.API, lists ...string) {
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		if fault := queryFault(ctx.URL().RawQuery, lists); fault != nil {
			_ = huma.WriteErr(api, ctx, http.StatusUnprocessableEntity, "validation failed", fault) // the client may be gone
			return
		}
		next(ctx)
	})
}

// queryFault returns what is wrong with a query, or nil.
func queryFault(raw string, lists []string) error {
	if len(raw) > maxQuery {
		return &huma.ErrorDetail{
			Location: "query",
			Message:  fmt.Sprintf("the query has %d bytes, at most %d are accepted", len(raw), maxQuery),
		}
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return &huma.ErrorDetail{
			Location: "query",
			Message:  "malformed query: " + err.Error(),
			Value:    fmt.Sprintf("%.100s", raw),
		}
	}
	for name, values := range query {
		if len(values) > 1 && !slices.Contains(lists, name) {
			return &huma.ErrorDetail{
				Location: fmt.Sprintf("query.%.100s", name),
				Message:  fmt.Sprintf("the parameter is there %d times, send it once", len(values)),
			}
		}
	}
	return nil
}

package guard

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// maxQuery is the length of the longest query that is accepted, in bytes.
const maxQuery = 4096

// Queries refuses requests to the operations of an API with a query that is too long or malformed, that has a
// parameter which the operation does not know, or one several times, unless it is one of lists. Huma would take the
// first value, and drop what it cannot parse.
func Queries(api huma.API, lists ...string) {
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		if ctx.URL().RawQuery == "" {
			next(ctx)
			return
		}
		if fault := queryFault(ctx.URL().RawQuery, lists, ctx.Operation()); fault != nil {
			_ = huma.WriteErr(api, ctx, http.StatusUnprocessableEntity, "validation failed", fault) // the client may be gone
			return
		}
		next(ctx)
	})
}

// queryFault returns what is wrong with a query, or nil.
func queryFault(raw string, lists []string, op *huma.Operation) error {
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
	known := queryParameters(op)
	for name, values := range query {
		if !slices.Contains(known, name) {
			return &huma.ErrorDetail{
				Location: fmt.Sprintf("query.%.100s", name),
				Message:  "unknown query parameter, " + thereAre(known),
				Value:    "",
			}
		}
		if len(values) > 1 && !slices.Contains(lists, name) {
			return &huma.ErrorDetail{
				Location: fmt.Sprintf("query.%.100s", name),
				Message:  fmt.Sprintf("the parameter is there %d times, send it once", len(values)),
			}
		}
	}
	return nil
}

// queryParameters returns the names of the parameters that an operation has in the query, in alphabetical order.
func queryParameters(op *huma.Operation) []string {
	var names []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

func thereAre(names []string) string {
	if len(names) == 0 {
		return "this operation has none"
	}
	return "this operation has " + strings.Join(names, ", ")
}

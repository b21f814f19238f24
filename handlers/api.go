// Package handlers implements the HTTP API: one file per resource, the routes in api.go, and the table from error to
// status in errors.go. Package payload reads the bodies of requests, package resource has the JSON forms of the
// resources, and package apidoc describes the API.
package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/pages"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

// Limits are the limits of one request.
type Limits struct {
	MaxMatrixBytes int64 // of each operand and of the result
	MaxJSONValues  int64 // elements of a result that is served as JSON
}

// API implements the operations of the API.
type API struct {
	store     *store.Store
	jobs      *jobs.Client
	hub       *watch.Hub
	limits    Limits
	site      Site
	started   time.Time
	overviews overviews
	views     views
	log       *slog.Logger
	heartbeat time.Duration // of event streams
	lifetime  time.Duration // of event streams
	held      *guard.Held
	refusals  *guard.Refusals
}

// New returns the handler of the API, its pages and, if the site has it, River UI.
func New(s *store.Store, c *jobs.Client, hub *watch.Hub, limits Limits, site Site, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	refusals := site.Clients.Refusals
	if refusals == nil {
		refusals = guard.NewRefusals(nil, log)
	}
	a := &API{
		store:     s,
		jobs:      c,
		hub:       hub,
		limits:    limits,
		site:      site,
		started:   time.Now(),
		overviews: overviews{jobs: c},
		log:       log,
		heartbeat: heartbeat,
		lifetime:  lifetime,
		held:      guard.NewHeld(site.Clients.MaxWaiting, refusals),
		refusals:  refusals,
	}
	a.views.api = a
	config := apidoc.Config()
	config.Transformers = append(config.Transformers, belowPrefix)
	a.register(humago.New(exactMux{mux}, config))
	pages.Mount(mux, pages.Links{RiverUI: site.RiverUI != nil})
	all := site.Audit.Requests(mountRiverUI(guard.Problems(mux), site.RiverUI))
	all = guard.SameOrigin(all, refusals)
	all = withDeadlines(guard.WithHeaders(all), site.Clients.Proxies)
	all = guard.OnePath(guard.JoinLists(all), otherForms)
	return payload.WithStallLimits(guard.CloseAfter(guard.BelowPrefix(all)), payload.StallTimeout)
}

// otherForms are the paths of collections with or without a slash at the end, by which they are known, too.
var otherForms = map[string]string{
	"/matrix_multiplication":         apidoc.SimplePath,
	apidoc.MultiplicationsPath + "/": apidoc.MultiplicationsPath,
	apidoc.MatricesPath + "/":        apidoc.MatricesPath,
}

// exactMux matches a path that ends in a slash exactly; http.ServeMux would match each path that begins with it.
type exactMux struct{ *http.ServeMux }

// HandleFunc implements humago.Mux.
func (m exactMux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	if strings.HasSuffix(pattern, "/") {
		pattern += "{$}"
	}
	m.ServeMux.HandleFunc(pattern, handler)
}

// register adds the routes of the API.
func (a *API) register(api huma.API) {
	guard.Queries(api, "state")

	route(api, "POST "+apidoc.SimplePath, apidoc.SubmitSimple(), a.submitSimple)

	route(api, "POST /v1/multiplications", apidoc.SubmitMultiplication(), a.submit)
	route(api, "POST "+apidoc.BatchPath, apidoc.SubmitBatch(), a.submitBatch)
	route(api, "GET /v1/multiplications", apidoc.ListMultiplications(), a.listMultiplications)
	route(api, "GET /v1/multiplications/{id}", apidoc.GetMultiplication(), a.getMultiplication)
	route(api, "DELETE /v1/multiplications/{id}", apidoc.DeleteMultiplication(), a.deleteMultiplication)
	route(api, "POST /v1/multiplications/{id}/cancel", apidoc.CancelMultiplication(), a.cancelMultiplication)
	route(api, "POST /v1/multiplications/{id}/retry", apidoc.RetryMultiplication(), a.retryMultiplication)
	route(api, "GET /v1/multiplications/{id}/events", apidoc.GetEvents(), a.getEvents)
	route(api, "GET /v1/multiplications/{id}/result", apidoc.GetResult(), a.getResult)

	route(api, "POST /v1/matrices", apidoc.CreateMatrix(), a.createMatrix)
	route(api, "GET /v1/matrices/{id}", apidoc.GetMatrix(), a.getMatrix)
	route(api, "DELETE /v1/matrices/{id}", apidoc.DeleteMatrix(), a.deleteMatrix)
	route(api, "GET /v1/matrices/{id}/content", apidoc.GetContent(), a.getContent)

	route(api, "GET /v1/overview", apidoc.GetOverview(), a.getOverview)

	apidoc.Describe(api.OpenAPI())
}

// route adds an operation. If its description has a request body, the handler reads the body as a stream; the
// description of the body is added after the registration, because Huma reads every body whose JSON schema it knows
// into memory.
func route[I, O any](
	api huma.API, pattern string, op huma.Operation, handler func(context.Context, *I) (*O, error),
) {
	op.Method, op.Path, _ = strings.Cut(pattern, " ")
	body := op.RequestBody
	op.RequestBody = nil
	huma.Register(api, op, handler)
	if body != nil {
		api.OpenAPI().Paths[op.Path].Post.RequestBody = body
	}
}

// OpenAPI returns the description of the API as YAML, OpenAPI 3.1. It is the same for every build of one source.
func OpenAPI() ([]byte, error) {
	api := humago.New(exactMux{http.NewServeMux()}, apidoc.Config())
	(&API{}).register(api)
	return api.OpenAPI().YAML()
}

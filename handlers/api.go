// Package handlers implements the HTTP API: one file per resource, the routes in api.go, and the table from error to
// status in errors.go. Package payload reads the bodies of requests, package resource has the JSON forms of the
// resources, and package apidoc describes the API.
package handlers

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/bulk"
	"github.com/millrace/millrace/handlers/catalog"
	"github.com/millrace/millrace/handlers/grids"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/overviews"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/quotas"
	"github.com/millrace/millrace/handlers/uploads"
	"github.com/millrace/millrace/handlers/webhooks"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/pages"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/keys"
	"github.com/millrace/millrace/watch"
)

// Limits are the limits of one request.
type Limits struct {
	MaxMatrixBytes int64 // of each operand and of the result
	MaxJSONValues  int64 // elements of a result that is served as JSON
	// GlobalPriorities says that the priorities of all clients count against those of other tenants, not only an admin's.
	GlobalPriorities bool
}

// API implements the operations of the API.
type API struct {
	store     *store.Store
	jobs      *jobs.Client
	hub       *watch.Hub
	limits    Limits
	site      Site
	started   time.Time
	overviews *overviews.Reader
	grids     *grids.Reader
	views     views
	log       *slog.Logger
	heartbeat time.Duration // of event streams
	lifetime  time.Duration // of event streams
	held      *guard.Held
	lanes     bulk.Lanes
	refusals  *guard.Refusals
	auth      *auth.Auth
}

// New returns the handler of the API, its pages and, if the site has it, River UI.
func New(s *store.Store, c *jobs.Client, hub *watch.Hub, limits Limits, site Site, log *slog.Logger) http.Handler {
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
		overviews: overviews.New(c),
		grids:     grids.New(c),
		log:       log,
		heartbeat: heartbeat,
		lifetime:  lifetime,
		held:      guard.NewHeld(site.Clients.MaxWaiting, refusals),
		lanes:     bulk.NewLanes(),
		refusals:  refusals,
		auth:      site.Auth,
	}
	if a.auth == nil {
		a.auth = auth.New(auth.Config{Keys: keys.Open(s.Pool)})
	}
	a.views.api = a
	config := apidoc.Config()
	config.Transformers = append(config.Transformers, problem.Complete, belowPrefix)
	routes := a.routes(config)
	routes.Open().Handle("GET "+problem.DocsPath+"{$}", problem.Docs())
	pages.Mount(routes.Open(), pages.Links{RiverUI: site.RiverUI != nil, SignIn: a.auth.On()})
	problems := guard.Problems(routes, slices.Collect(maps.Keys(routes.Needs())))
	all := site.Audit.Requests(mountRiverUI(problems, site.RiverUI))
	all = withDeadlines(all, site.Clients.Proxies, a.auth)
	all = guard.WithHeaders(guard.SameOrigin(all, refusals))
	all = guard.OnePath(guard.JoinLists(all), otherForms)
	return payload.WithStallLimits(guard.CloseAfter(guard.RequestID(guard.BelowPrefix(all))), payload.StallTimeout)
}

// otherForms are the paths of collections with or without a slash at the end, by which they are known, too.
var otherForms = map[string]string{
	"/matrix_multiplication":         apidoc.SimplePath,
	apidoc.MultiplicationsPath + "/": apidoc.MultiplicationsPath,
	apidoc.MatricesPath + "/":        apidoc.MatricesPath,
}

// routes returns the mux of the API.
func (a *API) routes(config huma.Config) *auth.Routes {
	routes := auth.NewRoutes()
	for _, form := range []string{".json", ".yaml", "-3.0.json", "-3.0.yaml"} {
		routes.Declare("GET "+config.OpenAPIPath+form, auth.Public)
	}
	a.register(humago.New(routes, config), routes)
	return routes
}

// own returns the part of the store that a request may see and use.
func (a *API) own(ctx context.Context) store.Tenant { return a.store.For(identity.From(ctx).Tenant) }

// owned names a resource as a request does.
func owned(ctx context.Context, id uuid.UUID) identity.Owned {
	return identity.Owned{Tenant: identity.From(ctx).Tenant, ID: id}
}

// register adds the operations of the API.
func (a *API) register(api huma.API, routes *auth.Routes) {
	guard.Queries(api, "state")
	if a.jobs != nil {
		api.UseMiddleware(quotas.Limit(a.jobs.Quotas(), identity.From, a.refusals))
	}

	auth.Route(api, routes, "POST "+apidoc.SimplePath, apidoc.SubmitSimple(), a.submitSimple)

	auth.Route(api, routes, "POST /v1/multiplications", apidoc.SubmitMultiplication(), a.submit)
	auth.Route(api, routes, "POST "+apidoc.BatchPath, apidoc.SubmitBatch(), a.submitBatch)
	auth.Route(api, routes, "GET /v1/multiplications", apidoc.ListMultiplications(), a.listMultiplications)
	auth.Route(api, routes, "GET /v1/multiplications/{id}", apidoc.GetMultiplication(), a.getMultiplication)
	auth.Route(api, routes, "DELETE /v1/multiplications/{id}", apidoc.DeleteMultiplication(), a.deleteMultiplication)
	auth.Route(api, routes, "POST /v1/multiplications/{id}/cancel", apidoc.CancelMultiplication(), a.cancelMultiplication)
	auth.Route(api, routes, "POST /v1/multiplications/{id}/retry", apidoc.RetryMultiplication(), a.retryMultiplication)
	auth.Route(api, routes, "GET /v1/multiplications/{id}/events", apidoc.GetEvents(), a.getEvents)
	auth.Route(api, routes, "GET /v1/multiplications/{id}/result", apidoc.GetResult(), a.getResult)
	auth.Route(api, routes, "GET /v1/multiplications/{id}/tiles", apidoc.GetTiles(), a.getTiles)

	auth.Route(api, routes, "POST /v1/matrices", apidoc.CreateMatrix(), auth.Failing(a.fail, a.createMatrix))
	catalog.Register(api, routes, a.store, a.fail)
	auth.Route(api, routes, "GET /v1/matrices/{id}", apidoc.GetMatrix(), a.getMatrix)
	auth.Route(api, routes, "DELETE /v1/matrices/{id}", apidoc.DeleteMatrix(), a.deleteMatrix)
	auth.Route(api, routes, "GET /v1/matrices/{id}/content", apidoc.GetContent(), a.getContent)

	auth.Route(api, routes, "GET /v1/overview", apidoc.GetOverview(), a.getOverview)
	auth.Route(api, routes, "GET /v1/limits", apidoc.GetLimits(), a.getLimits)

	a.auth.Register(api, routes, a.fail)
	a.webhooks().Register(api, routes)
	a.uploads().Register(api, routes)

	apidoc.Describe(api.OpenAPI())
}

// webhooks returns the operations on webhooks. Without jobs they can be described only.
func (a *API) webhooks() *webhooks.Webhooks {
	if a.jobs == nil {
		return webhooks.New(a.store, nil, a.fail)
	}
	return webhooks.New(a.store, a.jobs.Webhooks(), a.fail)
}

// uploads returns the operations on uploads that go on.
func (a *API) uploads() *uploads.Uploads {
	return uploads.New(a.store, a.jobs, a.limits.MaxMatrixBytes, a.fail)
}

// OpenAPI returns the description of the API as YAML, OpenAPI 3.1. It is the same for every build of one source.
func OpenAPI() ([]byte, error) {
	routes := auth.NewRoutes()
	api := humago.New(routes, apidoc.Config())
	(&API{auth: auth.New(auth.Config{})}).register(api, routes)
	return api.OpenAPI().YAML()
}

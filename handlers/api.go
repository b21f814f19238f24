// Package handlers is the HTTP side of Millrace: one file per resource, all routes on one page, and one table from error
// to status.
package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/pages"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

// Limits bounds what one request may ask for.
type Limits struct {
	MaxMatrixBytes int64 // of one operand's content
	MaxJSONValues  int64 // elements of a result that is served as JSON
}

// API answers requests.
type API struct {
	store     *store.Store
	jobs      *jobs.Client
	hub       *watch.Hub
	limits    Limits
	site      Site
	started   time.Time
	overviews overviews
	log       *slog.Logger
	heartbeat time.Duration // of streams of events
}

// New returns the handler of all routes.
func New(s *store.Store, c *jobs.Client, hub *watch.Hub, limits Limits, site Site, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	a := &API{
		store: s, jobs: c, hub: hub, limits: limits, site: site, started: time.Now(), overviews: overviews{jobs: c}, log: log,
		heartbeat: heartbeat,
	}
	a.register(humago.New(exactMux{mux}, config()))
	pages.Mount(mux, pages.Links{RiverUI: site.RiverUI != nil})
	return payload.WithStallLimits(withSecurity(mountRiverUI(withProblems(mux), site.RiverUI, log)), payload.StallTimeout)
}

// exactMux takes a path with a slash at its end for that path, not for all that begins with it.
type exactMux struct{ *http.ServeMux }

// HandleFunc implements humago.Mux.
func (m exactMux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	if strings.HasSuffix(pattern, "/") {
		pattern += "{$}"
	}
	m.ServeMux.HandleFunc(pattern, handler)
}

// register adds every route.
func (a *API) register(api huma.API) {
	registerStream(api, submitSimpleOperation(), a.submitSimple)

	registerStream(api, submitOperation(), a.submit)
	huma.Register(api, listMultiplicationsOperation(), a.listMultiplications)
	huma.Register(api, getMultiplicationOperation(), a.getMultiplication)
	huma.Register(api, getEventsOperation(api), a.getEvents)
	huma.Register(api, getResultOperation(), a.getResult)
	huma.Register(api, cancelMultiplicationOperation(), a.cancelMultiplication)
	huma.Register(api, retryMultiplicationOperation(), a.retryMultiplication)
	huma.Register(api, deleteMultiplicationOperation(), a.deleteMultiplication)

	registerStream(api, createMatrixOperation(), a.createMatrix)
	huma.Register(api, getMatrixOperation(), a.getMatrix)
	huma.Register(api, getContentOperation(), a.getContent)
	huma.Register(api, deleteMatrixOperation(), a.deleteMatrix)

	huma.Register(api, getOverviewOperation(), a.getOverview)

	describe(api.OpenAPI())
}

// registerStream adds an operation that reads its body itself. The body is documented after the fact: Huma reads every
// body whose JSON schema it knows into memory.
func registerStream[I, O any](api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	documented := op.RequestBody
	op.RequestBody = nil
	huma.Register(api, op, handler)
	api.OpenAPI().Paths[op.Path].Post.RequestBody = documented
}

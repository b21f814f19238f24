package handlers

import (
	"net/http"

	"github.com/millrace/millrace/handlers/audit"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/pages"
)

// Site is what the server has beside the API.
type Site struct {
	Version string
	OpsPort int              // of /metrics; 0 if it is not known
	Kernel  *resource.Kernel // nil in an API without a worker
	RiverUI http.Handler     // nil for none
	Audit   *audit.Log       // nil for none
	Clients Clients
	Auth    *auth.Auth // nil: all requests act for identity.Local
}

// Clients says how the clients of the API are told apart, and what all of them may hold.
type Clients struct {
	Proxies    guard.Proxies
	MaxWaiting int             // event streams and waits that are open at once; 0 is any number
	Refusals   *guard.Refusals // nil: they are logged, and no metric counts them
}

// RiverUIPrefix is the path at which River UI is mounted.
const RiverUIPrefix = "/riverui"

const (
	docsPath    = "/docs/"
	riverUIPath = RiverUIPrefix + "/"
)

// mountRiverUI puts River UI beside the API. It shows the jobs of all tenants. Its errors keep their form.
func mountRiverUI(api, ui http.Handler) *auth.Routes {
	routes := auth.NewRoutes()
	routes.Handle("/", auth.Public, api) // whose routes say what they need
	if ui == nil {
		return routes
	}
	ui = guard.WithRetryAfter(ui)
	routes.Handle("GET "+RiverUIPrefix, auth.Public, pages.RedirectTo("riverui/"))
	routes.Handle(riverUIPath, auth.Scoped(identity.ScopeAdmin).Page(), pages.FrameRiverUI(ui))
	return routes
}

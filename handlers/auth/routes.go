package auth

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/identity"
)

// Need is what a route needs of a request. The zero Need is never met: a route that does not say what it needs is
// refused.
type Need struct {
	kind  kind
	scope identity.Scope // of scoped
	page  bool           // people open it in a browser: they are sent to sign in
}

type kind int

const (
	undeclared kind = iota
	public          // nothing
	anyone          // a principal, whatever its scopes
	scoped          // a principal with a scope
)

// Public is what routes need that are for all: pages, which show nothing that is not in the program.
var Public = Need{kind: public}

// Scoped returns the need for a principal with a scope.
func Scoped(s identity.Scope) Need { return Need{kind: scoped, scope: s} }

// Page returns the same need for a route that people open in a browser.
func (n Need) Page() Need {
	n.page = true
	return n
}

// NeedOf returns what an operation needs by its description.
func NeedOf(op *huma.Operation) Need {
	if len(op.Security) != 1 {
		return Need{}
	}
	scopes, bearer := op.Security[0][apidoc.BearerScheme]
	switch {
	case len(op.Security[0]) == 0:
		return Public
	case !bearer || len(op.Security[0]) > 1 || len(scopes) > 1:
		return Need{}
	case len(scopes) == 0:
		return Need{kind: anyone}
	}
	return Scoped(identity.Scope(scopes[0]))
}

// Routes is a mux whose routes say what they need, and which refuses requests that do not have it. A route that says
// nothing is refused.
type Routes struct {
	mux   *http.ServeMux
	needs map[string]Need
}

// NewRoutes returns a mux without routes.
func NewRoutes() *Routes { return &Routes{mux: http.NewServeMux(), needs: map[string]Need{}} }

// Declare says what a route needs that is added later by HandleFunc, by its pattern.
func (m *Routes) Declare(pattern string, n Need) { m.needs[pattern] = n }

// HandleFunc implements humago.Mux. A path that ends in a slash is matched exactly; http.ServeMux would match each path
// that begins with it.
func (m *Routes) HandleFunc(pattern string, f func(http.ResponseWriter, *http.Request)) {
	need := m.needs[pattern]
	if strings.HasSuffix(pattern, "/") {
		delete(m.needs, pattern)
		pattern += "{$}"
	}
	m.Handle(pattern, need, http.HandlerFunc(f))
}

// Handle adds a route, which needs something.
func (m *Routes) Handle(pattern string, need Need, h http.Handler) {
	m.needs[pattern] = need
	m.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := need.refuses(r.Context()); err != nil {
			refuse(w, r, need, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// ServeHTTP implements http.Handler.
func (m *Routes) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Needs returns what the routes need, by their patterns.
func (m *Routes) Needs() map[string]Need { return m.needs }

// Open returns the mux for routes that are public.
func (m *Routes) Open() Opened { return Opened{m} }

// Opened adds public routes to a Routes.
type Opened struct{ routes *Routes }

// Handle adds a route.
func (o Opened) Handle(pattern string, h http.Handler) { o.routes.Handle(pattern, Public, h) }

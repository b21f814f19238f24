package auth

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// Route adds an operation, which needs what its description says. If the description has a request body, the handler
// reads the body as a stream; the description of the body is added after the registration, because Huma reads every
// body whose JSON schema it knows into memory.
func Route[I, O any](
	api huma.API, routes *Routes, pattern string, op huma.Operation, handler func(context.Context, *I) (*O, error),
) {
	op.Method, op.Path, _ = strings.Cut(pattern, " ")
	body := op.RequestBody
	op.RequestBody = nil
	if op.MaxBodyBytes > 0 { // Huma reads the body
		op.Middlewares = append(op.Middlewares, onlyJSON(api))
	}
	routes.Declare(pattern, NeedOf(&op))
	huma.Register(api, op, handler)
	if item := api.OpenAPI().Paths[op.Path]; body != nil && op.Method == http.MethodPatch {
		item.Patch.RequestBody = body
	} else if body != nil {
		item.Post.RequestBody = body
	}
}

// onlyJSON refuses requests whose body is something else by their head: Huma would read it first.
func onlyJSON(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		kind, _, err := mime.ParseMediaType(ctx.Header("Content-Type"))
		if err != nil || kind != resource.MediaJSON {
			_, w := humago.Unwrap(ctx)
			problem.Write(w, problem.New(problem.MediaType, "unsupported media type, send "+resource.MediaJSON))
			return
		}
		next(ctx)
	}
}

// Register adds the operations on keys and sessions. Errors that do not say what to respond are given to fail.
func (a *Auth) Register(api huma.API, routes *Routes, fail func(context.Context, error) error) {
	Route(api, routes, "POST "+apidoc.KeysPath, apidoc.CreateKey(), Failing(fail, a.CreateKey))
	Route(api, routes, "GET "+apidoc.KeysPath, apidoc.ListKeys(), Failing(fail, a.ListKeys))
	Route(api, routes, "DELETE "+apidoc.KeysPath+"/{id}", apidoc.RevokeKey(), Failing(fail, a.RevokeKey))

	Route(api, routes, "GET "+apidoc.SessionPath, apidoc.GetSession(), Failing(fail, a.GetSession))
	Route(api, routes, "POST "+apidoc.SessionPath, apidoc.SignIn(), Failing(fail, a.SignIn))
	Route(api, routes, "DELETE "+apidoc.SessionPath, apidoc.SignOut(), Failing(fail, a.SignOut))
}

// Failing gives the errors of a handler that do not say what to respond to fail.
func Failing[I, O any](
	fail func(context.Context, error) error, handler func(context.Context, *I) (*O, error),
) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		var status huma.StatusError
		if err != nil && !errors.As(err, &status) {
			err = fail(ctx, err)
		}
		return out, err
	}
}

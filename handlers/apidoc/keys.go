package apidoc

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
)

// BearerScheme is the name of the one security scheme: a key, or a token of another issuer, in the header
// Authorization.
const BearerScheme = "bearer"

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{BearerScheme: {
		Type:   "http",
		Scheme: "bearer",
		Description: "A key of the API, `mr_…`. Each operation names the scope that it needs; `admin` contains the others. " +
			"Pages of this server use the cookie of a session instead. A server on a loopback address may need neither.",
	}}
}

// The needs of operations. What is described here is what is enforced: an operation that needs nothing says so.
var (
	needsRead   = needs(string(identity.ScopeRead))
	needsSubmit = needs(string(identity.ScopeSubmit))
	needsAdmin  = needs(string(identity.ScopeAdmin))
	needsAny    = needs() // any valid token

	needsNothing = []map[string][]string{{}}
)

func needs(scopes ...string) []map[string][]string {
	return []map[string][]string{{BearerScheme: append([]string{}, scopes...)}}
}

const (
	exampleKeyID = "0aB3dE5gH7"
	exampleToken = "mr_" + exampleKeyID + "_4f1Kq8ZtR2mXw7Yc0VbN5sHj9LdPgU3aEiTo6MzQxWe2DS6k0"
)

func exampleKey() resource.Key {
	return resource.Key{
		ID:         exampleKeyID,
		Name:       "nightly run",
		Tenant:     "default",
		Scopes:     []string{"read", "submit"},
		State:      "valid",
		CreatedAt:  example.Time,
		ExpiresAt:  new(example.Time.Add(90 * 24 * time.Hour)),
		LastUsedAt: new(example.Time.Add(time.Hour)),
	}
}

func exampleNewKey() resource.NewKey {
	key := resource.NewKey{Key: exampleKey(), Token: exampleToken}
	key.LastUsedAt = nil
	return key
}

func exampleKeyOrder() resource.KeyOrder {
	return resource.KeyOrder{
		Name:      "nightly run",
		Scopes:    []string{"read", "submit"},
		ExpiresIn: new(int64(90 * 24 * 60 * 60)),
	}
}

func exampleSession() resource.Session {
	return resource.Session{
		Authentication: true,
		Name:           "nightly run",
		Tenant:         "default",
		Scopes:         []string{"read", "submit"},
		SignedIn:       true,
		ExpiresAt:      new(example.Time.Add(8 * time.Hour)),
	}
}

// CreateKey describes POST /v1/keys.
func CreateKey() huma.Operation {
	return huma.Operation{
		OperationID: "create-key",
		Tags:        []string{keysTag},
		Summary:     "Make a key",
		Description: "The response has the token, which is shown once. The first key is made on the command line, with " +
			"`millrace keys create`.",
		Security:      needsAdmin,
		MaxBodyBytes:  16 << 10,
		DefaultStatus: http.StatusCreated,
		Responses: responses(
			success(http.StatusCreated, "The key, with its token.", exampleNewKey(), "Location"),
			notJSON(),
			refusal(problem.TooLarge, "The body has more than 16 KiB.",
				"request body is too large limit=16384 bytes"),
			refusal(problem.MediaType, "The body is not `application/json`.",
				"unsupported media type, send application/json"),
			refusal(problem.InvalidKey,
				"There is no such tenant, or the request is not as described.", `no such tenant: "acme"`),
		),
	}
}

// notJSON describes the response to a body that is not JSON.
func notJSON() response {
	r := refusal(problem.BadRequest, "The body is not JSON.", "validation failed")
	r.Content[resource.MediaProblem].Example.(map[string]any)["errors"] = []any{map[string]any{
		"message":  "invalid character 'x' looking for beginning of value",
		"location": "body",
		"value":    "x",
	}}
	return r
}

// ListKeys describes GET /v1/keys.
func ListKeys() huma.Operation {
	return huma.Operation{
		OperationID: "list-keys",
		Tags:        []string{keysTag},
		Summary:     "List keys",
		Description: "The newest 1,000 keys of all tenants or of one. They come without their tokens.",
		Security:    needsAdmin,
		Responses: responses(
			success(http.StatusOK, "The keys.", resource.KeyList{Items: []resource.Key{exampleKey()}}),
		),
	}
}

// RevokeKey describes DELETE /v1/keys/{id}.
func RevokeKey() huma.Operation {
	return huma.Operation{
		OperationID: "revoke-key",
		Tags:        []string{keysTag},
		Summary:     "Revoke a key",
		Description: "All servers refuse the key, and the sessions that were signed in with it, within a second, and " +
			"within a minute if they cannot be told. Event streams with it end within 15 seconds. Revoking twice is not an " +
			"error.",
		Security:      needsAdmin,
		DefaultStatus: http.StatusNoContent,
		Responses: responses(
			success(http.StatusNoContent, "The key is revoked.", nil),
			refusal(problem.NotFound, "There is no such key.",
				`no such key: "`+exampleKeyID+`"; GET /v1/keys lists those that there are`),
		),
	}
}

// GetSession describes GET /v1/session.
func GetSession() huma.Operation {
	return huma.Operation{
		OperationID: "get-session",
		Tags:        []string{keysTag},
		Summary:     "Say for whom requests act",
		Description: "For a client that wants to know what its key, or its session, is good for.",
		Security:    needsAny,
		Responses:   responses(success(http.StatusOK, "For whom requests with these credentials act.", exampleSession())),
	}
}

// SignIn describes POST /v1/session.
func SignIn() huma.Operation {
	return huma.Operation{
		OperationID: "sign-in",
		Tags:        []string{keysTag},
		Summary:     "Make a session of a key",
		Description: "For the pages of this server: the session is a cookie that scripts cannot read and that a browser " +
			"sends for pages of this server only. It ends after eight hours, with its key, or by signing out. The key is in " +
			"the header `Authorization`, as everywhere.",
		Security:      needsAny,
		DefaultStatus: http.StatusOK,
		Responses: responses(
			success(http.StatusOK, "The session, whose cookie is set.", exampleSession(), "Set-Cookie"),
			refusal(problem.KeyRequired, "Authentication is off, or the request has no key.",
				"authentication is off: there is no need to sign in"),
		),
	}
}

// SignOut describes DELETE /v1/session.
func SignOut() huma.Operation {
	return huma.Operation{
		OperationID:   "sign-out",
		Tags:          []string{keysTag},
		Summary:       "End a session",
		Description:   "Ends the session of the cookie, on all servers, and deletes the cookie. Without one it does nothing.",
		Security:      needsNothing,
		DefaultStatus: http.StatusNoContent,
		Responses:     responses(success(http.StatusNoContent, "There is no session any more.", nil, "Set-Cookie")),
	}
}

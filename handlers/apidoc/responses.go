package apidoc

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// response is one response of an operation.
type response struct {
	status int
	huma.Response
}

// responses returns the responses of an operation by status. Describe adds those that operations share.
func responses(list ...response) map[string]*huma.Response {
	m := map[string]*huma.Response{}
	for _, r := range list {
		m[strconv.Itoa(r.status)] = &r.Response
	}
	return m
}

// success describes a response with headers out of headerDocs and an example of its body; nil means no body.
func success(status int, description string, body any, headers ...string) response {
	r := response{status, huma.Response{Description: description, Headers: headerRefs(headers)}}
	if body != nil {
		r.Content = map[string]*huma.MediaType{resource.MediaJSON: {Example: example.Plain(body)}}
	}
	return r
}

// refusal describes an error response with an example of its detail and headers out of headerDocs.
func refusal(code problem.Code, description, detail string, headers ...string) response {
	return response{code.Status(), huma.Response{
		Description: description,
		Headers:     headerRefs(headers),
		Content: map[string]*huma.MediaType{resource.MediaProblem: {
			Schema:  ref("Problem"),
			Example: example.Plain(problem.New(code, detail)),
		}},
	}}
}

// notFoundHint is what the detail ends with of what is not there.
const notFoundHint = ": not found; it was deleted or has expired, or no response had this id"

// forbidden describes the response to a key without a scope.
func forbidden(scope string) response {
	return refusal(problem.Scope, "The key does not have the scope `"+scope+
		"`, or a browser sent the request for a page of another site.",
		"this needs a key with the scope "+scope, "WWW-Authenticate")
}

func headerRefs(names []string) map[string]*huma.Param {
	m := map[string]*huma.Param{}
	for _, name := range names {
		m[name] = &huma.Param{Ref: "#/components/headers/" + name}
	}
	return m
}

// sharedResponse is an error response that does not depend on the operation.
type sharedResponse struct {
	name        string
	description string
	detail      string
	code        problem.Code // of the example
	headers     []string
}

func (s sharedResponse) response() *huma.Response {
	r := refusal(s.code, s.description, s.detail, s.headers...)
	if s.code == problem.InvalidParameter {
		r.Content[resource.MediaProblem].Example.(map[string]any)["errors"] = []any{example.Fault}
	}
	return &r.Response
}

// sharedResponses are the error responses that do not depend on the operation, by status.
var sharedResponses = map[int]sharedResponse{
	http.StatusUnauthorized: {
		code: problem.TokenExpired,
		name: "Unauthorized",
		description: "The request has no key, or one that is not valid. The codes are `authentication_required`, " +
			"`invalid_token`, `token_expired` and `token_revoked`.",
		detail:  "the token has expired",
		headers: []string{"WWW-Authenticate"},
	},
	http.StatusForbidden: {
		code:        problem.OtherSite,
		name:        "OtherSite",
		description: "A browser sent the request for a page of another site.",
		detail:      "requests from pages of other sites are refused",
	},
	http.StatusRequestTimeout: {
		code: problem.Timeout,
		name: "Timeout",
		description: "The client sent less than 64 KiB in 30 seconds in the middle of the body, or was too slow for the " +
			"memory that its upload holds while others waited for it.",
		detail: "the body cannot be read: i/o timeout",
	},
	http.StatusInternalServerError: {
		code:        problem.Internal,
		name:        "InternalError",
		description: "An error in the server; the server's log has the details. Trying again may help.",
		detail:      "internal error, see the log of the API",
	},
	http.StatusUnprocessableEntity: {
		code: problem.InvalidParameter,
		name: "InvalidParameter",
		description: "A parameter is unknown, is repeated or has an invalid value, or the query is malformed or has more " +
			"than 4,096 bytes.",
		detail: "validation failed",
	},
	http.StatusTooManyRequests: {
		code: problem.Quota,
		name: "QuotaExceeded",
		description: "The tenant has no room for this in one of its quotas: of requests per second, of queued work, or of " +
			"stored bytes. `violated-policies` names it. Or so much is queued that no submission is accepted for a while: " +
			"`Retry-After` says when one will be, if the present workers go on. Or the client has too many event streams " +
			"and waits open.",
		detail:  "the tenant's quota is 50 requests in a second",
		headers: []string{"Retry-After"},
	},
	http.StatusServiceUnavailable: {
		code: problem.Unavailable,
		name: "Unavailable",
		description: "The server has no memory left for another transfer, too many event streams and waits are open, " +
			"or its database is unavailable. What was accepted before is safe.",
		detail:  "database or block store are not available, try again later",
		headers: []string{"Retry-After"},
	},
	http.StatusInsufficientStorage: {
		code:        problem.Full,
		name:        "StorageFull",
		description: "The block store has no room for the matrix, or for the result. What was accepted before is safe.",
		detail:      "the block store is full, try again later",
		headers:     []string{"Retry-After"},
	},
}

package apidoc

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

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
func success(status int, description string, example any, headers ...string) response {
	r := response{status, huma.Response{Description: description, Headers: headerRefs(headers)}}
	if example != nil {
		r.Content = map[string]*huma.MediaType{resource.MediaJSON: {Example: plain(example)}}
	}
	return r
}

// problem describes an error response with an example of its detail and headers out of headerDocs.
func problem(status int, description, detail string, headers ...string) response {
	content := &huma.MediaType{Schema: ref("Problem"), Example: problemExample(status, detail)}
	return response{status, huma.Response{
		Description: description,
		Headers:     headerRefs(headers),
		Content:     map[string]*huma.MediaType{resource.MediaProblem: content},
	}}
}

func problemExample(status int, detail string) map[string]any {
	return map[string]any{
		"title":  http.StatusText(status),
		"status": status,
		"detail": detail,
	}
}

// coded is problem with a code.
func coded(status int, code, description, detail string, headers ...string) response {
	r := problem(status, description, detail, headers...)
	r.Content[resource.MediaProblem].Example = plain(resource.NewProblem(status, code, detail))
	return r
}

// forbidden describes the response to a key without a scope.
func forbidden(scope string) response {
	return coded(http.StatusForbidden, "insufficient_scope", "The key does not have the scope `"+scope+
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
	code        string // of the example; may be empty
	headers     []string
}

func (s sharedResponse) response(status int) *huma.Response {
	r := problem(status, s.description, s.detail, s.headers...)
	example := r.Content[resource.MediaProblem].Example.(map[string]any)
	if status == http.StatusUnprocessableEntity {
		example["errors"] = []any{exampleFault}
	}
	if s.code != "" {
		example = plain(resource.NewProblem(status, s.code, s.detail)).(map[string]any)
		r.Content[resource.MediaProblem].Example = example
	}
	return &r.Response
}

// sharedResponses are the error responses that do not depend on the operation, by status.
var sharedResponses = map[int]sharedResponse{
	http.StatusUnauthorized: {
		name: "Unauthorized",
		description: "The request has no key, or one that is not valid. The codes are `authentication_required`, " +
			"`invalid_token`, `token_expired` and `token_revoked`.",
		detail:  "the token has expired",
		code:    "token_expired",
		headers: []string{"WWW-Authenticate"},
	},
	http.StatusForbidden: {
		name:        "OtherSite",
		description: "A browser sent the request for a page of another site.",
		detail:      "requests from pages of other sites are refused",
	},
	http.StatusRequestTimeout: {
		name: "Timeout",
		description: "The client sent less than 64 KiB in 30 seconds in the middle of the body, or was too slow for the " +
			"memory that its upload holds while others waited for it.",
		detail: "the body cannot be read: i/o timeout",
	},
	http.StatusInternalServerError: {
		name:        "InternalError",
		description: "An error in the server; the server's log has the details. Trying again may help.",
		detail:      "internal error, see the log of the API",
	},
	http.StatusUnprocessableEntity: {
		name: "InvalidParameter",
		description: "A parameter is unknown, is repeated or has an invalid value, or the query is malformed or has more " +
			"than 4,096 bytes.",
		detail: "validation failed",
	},
	http.StatusTooManyRequests: {
		name: "QuotaExceeded",
		description: "The tenant has no room for this in one of its quotas: of requests per second, of queued work, or of " +
			"stored bytes. `violated-policies` names it. Or so much is queued that no submission is accepted for a while: " +
			"`Retry-After` says when one will be, if the present workers go on. Or the client has too many event streams " +
			"and waits open.",
		detail:  "the tenant's quota is 50 requests in a second",
		headers: []string{"Retry-After"},
	},
	http.StatusServiceUnavailable: {
		name: "Unavailable",
		description: "The server has no memory left for another transfer, too many event streams and waits are open, " +
			"or its database is unavailable. What was accepted before is safe.",
		detail:  "the database is not available, try again later",
		headers: []string{"Retry-After"},
	},
	http.StatusInsufficientStorage: {
		name:        "StorageFull",
		description: "The block store has no room for the matrix, or for the result. What was accepted before is safe.",
		detail:      "the block store is full, try again later",
		headers:     []string{"Retry-After"},
	},
}

package guard

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/download"
	"github.com/millrace/millrace/handlers/problem"
)

// Conditional is the input of an operation whose response has an ETag. The status is 412 if the response is not one
// that the client knows, and 304, without a body, if the client has the current response already.
type Conditional struct {
	Matching
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag of the response that the client has; returns 304 if it is still current"`
}

// Matching is the input of an operation on a resource that has an ETag. The status is 412 if the resource has changed.
type Matching struct {
	IfMatch string `header:"If-Match" doc:"The ETag of the resource as the client knows it; returns 412, and does nothing, if it is another one"`
}

// Require returns an error with status 412 unless the resource has an ETag that the client knows. The comparison is the
// strong one of RFC 9110.
func (m Matching) Require(tag string) error {
	if m.IfMatch == "" {
		return nil
	}
	for candidate := range strings.SplitSeq(m.IfMatch, ",") {
		if candidate = strings.TrimSpace(candidate); candidate == tag || candidate == "*" {
			return nil
		}
	}
	return huma.ErrorWithHeaders(
		problem.New(problem.PreconditionFailed, "the resource does not have the ETag of If-Match"),
		http.Header{"ETag": {tag}})
}

// EntityTag returns the ETag of a response with a body.
func EntityTag[T any](body T) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, nil
}

// Compare returns an error with status 412 if the client does not know the response with this ETag, and with status 304
// if it has it.
func (c Conditional) Compare(tag string) error {
	if err := c.Require(tag); err != nil {
		return err
	}
	if download.Matches(c.IfNoneMatch, tag) {
		return huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {tag}})
	}
	return nil
}

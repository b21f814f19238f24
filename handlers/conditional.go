package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/download"
)

// Conditional is the input of an operation whose response has an ETag. The status is 304, without a body, if the client
// has the current response already.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag of the response that the client has; returns 304 if it is still current"`
}

// entityTag returns the ETag of a response with a body.
func entityTag(body any) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, nil
}

// check returns the ETag of a response with a body, and an error with status 304 if the client has that response.
func (c Conditional) check(body any) (string, error) {
	tag, err := entityTag(body)
	if err == nil {
		err = c.compare(tag)
	}
	return tag, err
}

// compare returns an error with status 304 if the client has the response with this ETag.
func (c Conditional) compare(tag string) error {
	if download.Matches(c.IfNoneMatch, tag) {
		return huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {tag}})
	}
	return nil
}

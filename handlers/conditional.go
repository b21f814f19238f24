package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Conditional is the input of an operation whose answer has an ETag: a client that has the present one already is told so
// instead of being sent it again.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag of the answer that the client has; if it is still current, the answer is 304"`
}

// check returns the ETag of an answer's body, or the error that makes the answer 304.
func (c Conditional) check(body any) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	if matches(c.IfNoneMatch, tag) {
		return "", huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {tag}})
	}
	return tag, nil
}

// matches reports whether an If-None-Match header names a tag, by the weak comparison of RFC 9110.
func matches(header, tag string) bool {
	for _, candidate := range strings.Split(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}

package payload

import (
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"

	"github.com/millrace/millrace/handlers/resource"
)

// parseMediaType returns the media type that a Content-Type header names, and its parameters. It returns ErrMediaType
// for one that is not among accepted. Where .npy is accepted, application/octet-stream is taken for it.
func parseMediaType(header string, accepted []string) (mediaType string, params map[string]string, err error) {
	mediaType, params, err = mime.ParseMediaType(quoteBoundary(header))
	if err != nil {
		return "", nil, malformedMediaType(header, accepted)
	}
	if mediaType == resource.MediaOctetStream && slices.Contains(accepted, resource.MediaNPY) {
		mediaType = resource.MediaNPY
	}
	if !slices.Contains(accepted, mediaType) {
		return "", nil, fmt.Errorf("%w: %s, send %s", ErrMediaType, mediaType, strings.Join(accepted, " or "))
	}
	if mediaType == resource.MediaMultipart && params["boundary"] == "" {
		return "", nil, fmt.Errorf("%w: the Content-Type of a form must have a boundary", ErrBadRequest)
	}
	return mediaType, params, nil
}

// bareBoundary matches a boundary without quotes that consists of the characters of RFC 2046, 5.1.1. Some of them need
// quotes, which clients forget.
var bareBoundary = regexp.MustCompile(`(?i)(;\s*boundary=)([0-9a-z'()+_,./:=?-]{1,70})(\s*(?:;|$))`)

// quoteBoundary puts the boundary in a Content-Type into quotes.
func quoteBoundary(header string) string {
	if !strings.Contains(header, ";") {
		return header
	}
	return bareBoundary.ReplaceAllString(header, `$1"$2"$3`)
}

// malformedMediaType returns the error for a Content-Type that cannot be parsed.
func malformedMediaType(header string, accepted []string) error {
	name, _, _ := strings.Cut(header, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	if name == resource.MediaMultipart && slices.Contains(accepted, name) {
		return fmt.Errorf("%w: Content-Type %.200q is malformed, put the boundary into quotes", ErrBadRequest, header)
	}
	return fmt.Errorf("%w: Content-Type %.200q", ErrMediaType, header)
}

// checkEncoding returns ErrEncoding if the Content-Encoding headers name more than identity, which is no encoding.
func checkEncoding(header http.Header) error {
	if coding := otherCoding(header["Content-Encoding"], "identity"); coding != "" {
		return fmt.Errorf("%w: %.40s, send the body as it is", ErrEncoding, coding)
	}
	return nil
}

// checkPartEncoding returns ErrEncoding if the headers of a part of a form say that its content is encoded.
// Content-Transfer-Encoding is deprecated in forms (RFC 7578, 4.7); three of its values mean that nothing is encoded.
func checkPartEncoding(name string, header textproto.MIMEHeader) error {
	coding := otherCoding(header["Content-Encoding"], "identity")
	if coding == "" {
		coding = otherCoding(header["Content-Transfer-Encoding"], "binary", "8bit", "7bit", "identity")
	}
	if coding != "" {
		return fmt.Errorf("%w: part %.60q is in %.40s, send it as it is", ErrEncoding, name, coding)
	}
	return nil
}

// otherCoding returns the first coding in some lines of a header that is not among known, or "".
func otherCoding(lines []string, known ...string) string {
	for coding := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		coding = strings.TrimSpace(coding)
		if coding != "" && !slices.Contains(known, strings.ToLower(coding)) {
			return coding
		}
	}
	return ""
}

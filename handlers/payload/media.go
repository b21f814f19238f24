package payload

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/millrace/millrace/handlers/resource"
)

// parseMediaType returns the media type that a Content-Type header names, and its parameters. It returns ErrMediaType
// for one that is not among accepted. Where .npy is accepted, application/octet-stream is taken for it.
func parseMediaType(header string, accepted []string) (mediaType string, params map[string]string, err error) {
	mediaType, params, err = mime.ParseMediaType(header)
	if err != nil {
		return "", nil, fmt.Errorf("%w: Content-Type %q", ErrMediaType, header)
	}
	if mediaType == resource.MediaOctetStream && slices.Contains(accepted, resource.MediaNPY) {
		mediaType = resource.MediaNPY
	}
	if !slices.Contains(accepted, mediaType) {
		return "", nil, fmt.Errorf("%w: %s, send %s", ErrMediaType, mediaType, strings.Join(accepted, " or "))
	}
	return mediaType, params, nil
}

// checkEncoding returns ErrEncoding if the Content-Encoding headers name more than identity, which is no encoding.
func checkEncoding(header http.Header) error {
	for _, line := range header.Values("Content-Encoding") {
		for _, coding := range strings.Split(line, ",") {
			coding = strings.TrimSpace(coding)
			if coding != "" && !strings.EqualFold(coding, "identity") {
				return fmt.Errorf("%w: %.40s, send the body as it is", ErrEncoding, coding)
			}
		}
	}
	return nil
}

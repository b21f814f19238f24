package payload

import (
	"fmt"
	"mime"
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

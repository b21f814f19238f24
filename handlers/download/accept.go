package download

import (
	"errors"
	"fmt"
	"math"
	"mime"
	"path"
	"strconv"
	"strings"

	"github.com/millrace/millrace/handlers/resource"
)

// ErrNotAccepted means that there is no form of the content that the client accepts.
var ErrNotAccepted = errors.New("not acceptable")

// Forms returns the forms of a matrix that an Accept header of RFC 9110 allows, the one that it prefers first. Without
// a preference that is .npy. Errors: ErrNotAccepted.
func Forms(accept string) ([]string, error) {
	if strings.TrimSpace(accept) == "" {
		accept = "*/*"
	}
	npy, json := Quality(accept, resource.MediaNPY), Quality(accept, resource.MediaJSON)
	switch {
	case npy <= 0 && json <= 0:
		return nil, fmt.Errorf("%w: matrices are served as %s or %s", ErrNotAccepted, resource.MediaNPY, resource.MediaJSON)
	case npy <= 0:
		return []string{resource.MediaJSON}, nil
	case json > npy:
		return []string{resource.MediaJSON, resource.MediaNPY}, nil
	}
	return []string{resource.MediaNPY}, nil // which every matrix has
}

// Quality returns the weight that an Accept header gives to a media type: that of the most specific range that matches.
func Quality(accept, kind string) float64 {
	best, specific := 0.0, 0
	for _, part := range strings.Split(accept, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		level := 0
		switch name {
		case kind:
			level = 3
		case path.Dir(kind) + "/*":
			level = 2
		case "*/*":
			level = 1
		}
		if level <= specific {
			continue
		}
		best = weight(params["q"])
		specific = level
	}
	return best
}

// weight returns the weight that a parameter q says, from 0 to 1: what is no number is 1.
func weight(text string) float64 {
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(q) {
		return 1
	}
	return min(max(q, 0), 1)
}

// Package format writes bodies of responses.
package format

import (
	"io"

	"github.com/danielgtaylor/huma/v2"
)

// Rendered is a body that is JSON before it is sent. Its text is not looked at again.
type Rendered interface {
	Rendered() ([]byte, error)
}

// All returns the one format of the API, by its media type and by the suffix of others.
func All() map[string]huma.Format {
	f := huma.Format{
		Marshal:   writeJSON,
		Unmarshal: huma.DefaultJSONFormat.Unmarshal,
	}
	return map[string]huma.Format{
		"application/json": f,
		"json":             f,
	}
}

func writeJSON(w io.Writer, body any) error {
	r, ok := body.(Rendered)
	if !ok {
		return huma.DefaultJSONFormat.Marshal(w, body)
	}
	text, err := r.Rendered()
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

package handlers

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/resource"
)

// response is the response to a POST. It is rendered before it is sent, so that a repeated request gets the same bytes.
type response struct {
	status   int
	location string
	body     []byte
	replayed bool
	final    bool // the multiplication has finished with its submission
}

// newResponse renders a response.
func newResponse(status int, location string, body any) (*response, error) {
	text, err := resource.Encode(body)
	return &response{
		status:   status,
		location: location,
		body:     text,
	}, err
}

// Replayed is the header that distinguishes the response to a repeated request from the first one.
type Replayed struct {
	IdempotentReplayed string `header:"Idempotent-Replayed"`
}

func (r *response) header() Replayed {
	if r.replayed {
		return Replayed{IdempotentReplayed: "true"}
	}
	return Replayed{}
}

// belowPrefix is a huma.Transformer that adds the prefix of a request to the references in the body of its response.
func belowPrefix(ctx huma.Context, _ string, body any) (any, error) {
	r, _ := humago.Unwrap(ctx)
	prefix := guard.Prefix(r.Header)
	if prefix == "" {
		return body, nil
	}
	text, err := resource.Encode(body)
	return json.RawMessage(resource.Below(prefix, text)), err
}

// rendered is the body of a response as JSON, described as a T.
type rendered[T any] struct {
	text []byte
	err  error
}

func render[T any](v T) rendered[T] {
	text, err := resource.Encode(v)
	return rendered[T]{text, err}
}

// Rendered implements format.Rendered.
func (r rendered[T]) Rendered() ([]byte, error) { return r.text, r.err }

// MarshalJSON implements json.Marshaler.
func (r rendered[T]) MarshalJSON() ([]byte, error) { return r.text, r.err }

// Schema implements huma.SchemaProvider.
func (rendered[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

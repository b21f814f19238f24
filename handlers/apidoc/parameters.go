package apidoc

import "github.com/danielgtaylor/huma/v2"

// parameterDocs describes the parameters of requests that struct tags cannot, or that occur in many requests. A description
// beside the field goes before the one here.
func parameterDocs() map[string]huma.Param {
	return map[string]huma.Param{
		"Range": {
			Description: "The bytes that are wanted.", Example: "bytes=128-159",
			Schema: &huma.Schema{Type: huma.TypeString, Pattern: `^bytes=[0-9, -]+$`, MaxLength: new(200)},
		},
		"If-Range": {
			Description: "The range is meant for the content of this ETag; of another one, all is sent.", Example: exampleTag,
			Schema: &huma.Schema{Type: huma.TypeString, Pattern: `^"[^"]*"$`, MaxLength: new(200)},
		},
		"If-None-Match": {
			Description: "Answer 304 if the form still has this ETag.", Example: exampleTag,
			Schema: &huma.Schema{Type: huma.TypeString, Pattern: tagsPattern, MaxLength: new(1000)},
		},
		"If-Match": {
			Description: "Answer 412 unless the form has this ETag.", Example: exampleTag,
			Schema: &huma.Schema{Type: huma.TypeString, Pattern: tagsPattern, MaxLength: new(1000)},
		},
		"Idempotency-Key": {
			Description: "Made up by the client for this request, and sent again when it repeats it: a request is accepted once, and its " +
				"repetitions get the first answer again, for as long as matrices are kept. The same key with another request is refused (422).",
			Example: "8e03978e-40d5-43dd-bc93-6894a57f9324",
			Schema:  &huma.Schema{Type: huma.TypeString, Pattern: `^[ -~]+$`, MaxLength: new(257)}, // quotes included
		},
		"Content-Digest": {
			Description: "Digest of the body (RFC 9530). A sha-256 or sha-512 that is not that of the body refuses the request (400); other " +
				"algorithms are ignored.",
			Example: exampleDigest, Schema: digestSchema(),
		},
		"Repr-Digest": {
			Description: "The same as Content-Digest, since bodies have no content encoding here.",
			Example:     exampleDigest, Schema: digestSchema(),
		},
		"Want-Content-Digest": {
			Description: "As `Want-Repr-Digest`, for `Content-Digest`.", Example: "sha-256=1", Schema: wantSchema(),
		},
		"Want-Repr-Digest": {
			Description: "With sha-256 the answer has a `Repr-Digest`, whatever its size. Without it a product of more than 64 MiB has none " +
				"before it has been read whole once.",
			Example: "sha-256=1", Schema: wantSchema(),
		},
		"Prefer":        {Schema: &huma.Schema{Type: huma.TypeString, Pattern: `\S`, MaxLength: new(200)}},
		"Last-Event-ID": {Schema: eventIDSchema(), Example: "3"},
		"last_event_id": {Schema: eventIDSchema(), Example: "3", Extensions: map[string]any{"x-go-name": "LastEventIDQuery"}},
		"rows":          {Schema: sliceSchema()},
		"cols":          {Schema: sliceSchema()},
		"matrix_id": {
			Example: exampleMatrixA, Schema: idSchema(),
		},
		"cursor": {
			Example: "AAY3lFD_4EgBogor4U59hpIdplKLVWKe",
			Schema:  &huma.Schema{Type: huma.TypeString, Pattern: `^[A-Za-z0-9_-]*$`, MaxLength: new(32)},
		},
		"limit": {Example: 50},
		"state": {
			Schema: &huma.Schema{
				Type: huma.TypeArray, MaxItems: new(5),
				Items: &huma.Schema{Type: huma.TypeString, Enum: []any{"pending", "in_progress", "completed", "failed", "cancelled"}},
			},
		},
	}
}

// digestSchema is a dictionary of digests by algorithm (RFC 9530).
func digestSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^[a-z0-9-]+=:[A-Za-z0-9+/=]*:`, MaxLength: new(1000)}
}

// wantSchema is a dictionary of weights by algorithm (RFC 9530).
func wantSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^[a-z0-9-]+=\d+`, MaxLength: new(200)}
}

const (
	exampleDigest = "sha-256=:a/JscX+vwCEvzksPcf27NQj0POs+bVx9Ym3ezV7ZGEQ=:"
	exampleTag    = `"` + exampleMatrixC + `-x-npy"`
	tagsPattern   = `^(\*|(W/)?"[^"]*"(, *(W/)?"[^"]*")*)$`
)

// eventIDSchema is a number that counts the events of a stream.
func eventIDSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^\d+$`, MaxLength: new(19)}
}

// sliceSchema is first:end as in Python.
func sliceSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^\d*:\d*$`, MaxLength: new(39)}
}

// conditions are the request headers that http.ServeContent knows.
func conditions() []*huma.Param {
	var all []*huma.Param
	for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Match"} {
		all = append(all, &huma.Param{Name: name, In: "header"})
	}
	return all
}

// describeParameter returns a copy of a parameter with what its struct tags do not say. Huma goes on to check requests
// with the original, which is less strict: an id that is not of our form is no invalid parameter but the name of nothing.
func describeParameter(route string, p *huma.Param) *huma.Param {
	described := *p
	docs := parameterDocs()[p.Name]
	if p.In == "path" && p.Name == "id" {
		docs = idParameter(route)
	}
	if p.Schema != nil { // Huma puts what the tags say into the schema
		schema := *p.Schema
		if described.Example == nil && len(schema.Examples) > 0 {
			described.Example = schema.Examples[0]
		}
		schema.Examples, schema.Description = nil, ""
		described.Schema = &schema
	}
	if described.Description == "" {
		described.Description = docs.Description
	}
	if described.Example == nil {
		described.Example = docs.Example
	}
	if docs.Schema != nil {
		described.Schema = docs.Schema
	}
	described.Extensions = docs.Extensions
	describeSchema(described.Schema)
	return &described
}

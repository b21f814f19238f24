package apidoc

import (
	"maps"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/apidoc/schema"
)

// parameterDocs describes parameters by name, as far as struct tags cannot or many requests share them. A description
// in a struct tag takes precedence.
func parameterDocs() map[string]huma.Param {
	docs := conditionDocs()
	maps.Copy(docs, headerParameters())
	maps.Copy(docs, queryParameters())
	maps.Copy(docs, uploadParameters())
	return docs
}

// conditionDocs describes the request headers that conditions returns.
func conditionDocs() map[string]huma.Param {
	return map[string]huma.Param{
		"Range": {
			Description: "The requested bytes: at most 16 ranges in ascending order that do not overlap, or the response " +
				"is the whole content.",
			Example: "bytes=128-159",
			Schema:  schema.Pattern(`^bytes=[0-9, -]+$`, 200),
		},
		"If-Range": {
			Description: "Return the range if the content still has this ETag, otherwise the whole content.",
			Example:     example.Tag,
			Schema:      schema.Pattern(`^"[^"]*"$`, 200),
		},
		"If-None-Match": {
			Description: "Return 304 if the content still has this ETag.",
			Example:     example.Tag,
			Schema:      schema.Pattern(tagsPattern, 1000),
		},
		"If-Match": {
			Description: "Return 412 unless the content has this ETag.",
			Example:     example.Tag,
			Schema:      schema.Pattern(tagsPattern, 1000),
		},
	}
}

// headerParameters describes the other request headers.
func headerParameters() map[string]huma.Param {
	return map[string]huma.Param{
		"Idempotency-Key": {
			Description: "Chosen by the client for this request, and sent again when the client retries it. A " +
				"request is accepted once, and its retries get the first response again, for as long as matrices are " +
				"kept. A different request with the same key is rejected (422).",
			Example: "8e03978e-40d5-43dd-bc93-6894a57f9324",
			Schema:  schema.Pattern(`^[ -~]+$`, 257), // quotes included
		},
		"Content-Digest": {
			Description: "Digest of the body (RFC 9530). A request is rejected (400) if its sha-256 or sha-512 is " +
				"not that of its body; other algorithms are ignored.",
			Example: example.Digest,
			Schema:  digestSchema(),
		},
		"Repr-Digest": {
			Description: "Same as Content-Digest, since bodies have no content encoding here.",
			Example:     example.Digest,
			Schema:      digestSchema(),
		},
		"Want-Content-Digest": {
			Description: "Same as `Want-Repr-Digest`, for `Content-Digest`.",
			Example:     "sha-256=1",
			Schema:      wantSchema(),
		},
		"Want-Repr-Digest": {
			Description: "With sha-256 the response has a `Repr-Digest`, whatever the size of the content. Without " +
				"it, a result of more than 64 MiB has none before its first complete download.",
			Example: "sha-256=1",
			Schema:  wantSchema(),
		},
		"Prefer": {
			Schema: schema.Text(200),
		},
		"Last-Event-ID": {
			Example: "3",
			Schema:  eventIDSchema(),
		},
	}
}

// queryParameters describes the parameters of queries.
func queryParameters() map[string]huma.Param {
	return map[string]huma.Param{
		"last_event_id": {
			Example:    "3",
			Schema:     eventIDSchema(),
			Extensions: map[string]any{"x-go-name": "LastEventIDQuery"},
		},
		"rows": {Schema: sliceSchema()},
		"cols": {Schema: sliceSchema()},
		"matrix_id": {
			Example: example.MatrixA,
			Schema:  schema.ID(),
		},
		"cursor": {
			Example: example.Cursor,
			Schema:  schema.Pattern(`^[A-Za-z0-9_-]*$`, 32),
		},
		"limit": {Example: 50},
		"before": {
			Example: "1718",
			Schema:  schema.Pattern(`^\d*$`, 19),
		},
		"delivery_id": {
			Description: "The id of the delivery.",
			Example:     exampleDeliveryID,
			Schema:      schema.ID(),
		},
		"state": {
			Schema: schema.Array(schema.Enum("pending", "in_progress", "completed", "failed", "cancelled"), 5),
		},
	}
}

// tagsPattern matches the value of If-Match and If-None-Match.
const tagsPattern = `^(\*|(W/)?"[^"]*"(, *(W/)?"[^"]*")*)$`

// idDocs describes the path parameter of the routes of one resource.
func idDocs(route string) huma.Param {
	what, id := "multiplication", example.ID
	switch {
	case strings.HasPrefix(route, MatricesPath):
		what, id = "matrix", example.MatrixA
	case strings.HasPrefix(route, UploadsPath):
		what, id = "upload", example.MatrixA
	case strings.HasPrefix(route, WebhooksPath):
		what, id = "webhook", exampleWebhookID
	}
	return huma.Param{
		Description: "The id of the " + what + ".",
		Example:     id,
		Schema:      schema.ID(),
	}
}

// digestSchema describes a dictionary of digests by algorithm (RFC 9530).
func digestSchema() *huma.Schema { return schema.Pattern(`^[a-z0-9-]+=:[A-Za-z0-9+/=]*:`, 1000) }

// wantSchema describes a dictionary of weights by algorithm (RFC 9530).
func wantSchema() *huma.Schema { return schema.Pattern(`^[a-z0-9-]+=\d+`, 200) }

// eventIDSchema describes the number of an event in its stream.
func eventIDSchema() *huma.Schema { return schema.Pattern(`^\d+$`, 19) }

// sliceSchema describes first:end as in Python.
func sliceSchema() *huma.Schema { return schema.Pattern(`^\d*:\d*$`, 39) }

// conditions returns the request headers that http.ServeContent handles.
func conditions() []*huma.Param {
	var all []*huma.Param
	for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Match"} {
		all = append(all, &huma.Param{Name: name, In: "header"})
	}
	return all
}

// describeParameter returns a copy of a parameter, completed by parameterDocs. Huma validates requests with the
// original, which is less strict: a malformed id leads to 404, not to 422.
func describeParameter(route string, p *huma.Param) *huma.Param {
	described := *p
	docs := parameterDocs()[p.Name]
	if p.In == "path" && p.Name == "id" {
		docs = idDocs(route)
	}
	if p.Schema != nil { // Huma puts example and description of the struct tags into the schema
		own := *p.Schema
		if described.Example == nil && len(own.Examples) > 0 {
			described.Example = own.Examples[0]
		}
		own.Examples = nil
		own.Description = ""
		described.Schema = &own
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

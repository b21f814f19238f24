package apidoc

import (
	"maps"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/apidoc/schema"
	"github.com/millrace/millrace/handlers/problem"
)

// headerDocs describes the response headers by name.
func headerDocs() map[string]huma.Header {
	docs := bodyHeaders()
	maps.Copy(docs, resourceHeaders())
	maps.Copy(docs, quotaHeaders())
	maps.Copy(docs, keyHeaders())
	maps.Copy(docs, uploadHeaders())
	return docs
}

// bodyHeaders describes those about the body of a response.
func bodyHeaders() map[string]huma.Header {
	return map[string]huma.Header{
		"Accept-Encoding": {
			Description: "The only content encoding of bodies that is supported, if the body had another one.",
			Schema:      schema.Enum("identity"),
			Example:     "identity",
		},
		"Accept-Ranges": {
			Description: "Whether this form of the matrix can be requested in ranges: large ones in JSON cannot.",
			Required:    true,
			Schema:      schema.Enum("bytes", "none"),
			Example:     "bytes",
		},
		"Content-Digest": {
			Description: "SHA-256 of the body (RFC 9530), if it is known when the response starts. For a result of " +
				"more than 64 MiB it is known if the request has `Want-Content-Digest`, or after the first complete " +
				"download.",
			Schema:  digestSchema(),
			Example: example.Digest,
		},
		"Content-Disposition": {
			Description: "A name for the file.",
			Schema:      schema.Text(200),
			Example:     "attachment; filename=" + example.MatrixC + ".npy",
		},
		"Content-Range": {
			Description: "The range of the body and the size of the whole content; in a 416 response the size alone. " +
				"Several ranges are parts of the body, each with its own.",
			Schema:  schema.Pattern(`^bytes (\*|\d+-\d+)/\d+$`, 64),
			Example: "bytes 128-159/160",
		},
	}
}

// resourceHeaders describes those about the resource and the request.
func resourceHeaders() map[string]huma.Header {
	return map[string]huma.Header{
		"ETag": {
			Description: "Identifies this version of the body, for `If-None-Match`; for the content of a matrix also " +
				"for `If-Match` and `If-Range`.",
			Required: true,
			Schema:   schema.Pattern(`^(W/)?"[^"]*"$`, 100),
			Example:  example.Tag,
		},
		"Idempotent-Replayed": {
			Description: "`true` if a request with this `Idempotency-Key` was accepted before: this is its response.",
			Schema:      schema.Enum("true"),
			Example:     "true",
		},
		"Link": {
			Description: "The address of the next page as rel=\"next\"; absent on the last page.",
			Schema:      schema.Text(2000),
			Example:     "<" + MultiplicationsPath + "?cursor=" + example.Cursor + `>; rel="next"`,
		},
		"Location": {
			Description: "The path of the new resource.",
			Required:    true,
			Schema:      schema.Format("uri-reference", 200),
			Example:     example.Path,
		},
		"Preference-Applied": {
			Description: "`wait=N`, if the response has waited for the multiplication to finish or for N seconds " +
				"(RFC 7240).",
			Schema:  schema.Pattern(`^wait=\d+$`, 20),
			Example: "wait=10",
		},
		"Repr-Digest": {
			Description: "SHA-256 of the whole content, of which the body may be a range (RFC 9530).",
			Schema:      digestSchema(),
			Example:     example.Digest,
		},
		"Retry-After": {
			Description: "Seconds to wait before the next attempt.",
			Required:    true,
			Schema:      schema.Integer("int32", 0, 3600),
			Example:     5,
		},
		"Vary": {
			Description: "The request headers that the response depends on.",
			Schema:      schema.Text(200),
			Example:     "Accept",
		},
		problem.RequestIDHeader: {
			Description: "The id of the request, for questions about it: the one that the request had in this header, or " +
				"another one.",
			Schema:  schema.Pattern(`^[!-~]+$`, 128),
			Example: "5f0c2a7d9e31b846",
		},
		"X-Accel-Buffering": {
			Description: "Asks a proxy not to buffer the events.",
			Schema:      schema.Enum("no"),
			Example:     "no",
		},
	}
}

// quotaHeaders describes those about the quota of requests.
func quotaHeaders() map[string]huma.Header {
	return map[string]huma.Header{
		"RateLimit": {
			Description: "How many requests the tenant may still send (`r`), and in how many seconds it will have all of its " +
				"quota again (`t`), if it has a quota of requests.",
			Schema:  schema.Pattern(`^"requests";r=\d+;t=\d+$`, 100),
			Example: `"requests";r=420;t=8`,
		},
		"RateLimit-Policy": {
			Description: "The tenant's quota of requests (`q`) in a window of seconds (`w`), if it has one.",
			Schema:      schema.Pattern(`^"requests";q=\d+;w=\d+$`, 100),
			Example:     `"requests";q=500;w=10`,
		},
	}
}

// keyHeaders describes those about keys and sessions.
func keyHeaders() map[string]huma.Header {
	return map[string]huma.Header{
		"Set-Cookie": {
			Description: "The cookie of the session.",
			Schema:      schema.Text(400),
			Example:     "millrace=ms_…; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict",
		},
		"WWW-Authenticate": {
			Description: "What the request lacks (RFC 6750).",
			Schema:      schema.Text(300),
			Example:     `Bearer realm="millrace", error="invalid_token", error_description="the token has expired"`,
		},
	}
}

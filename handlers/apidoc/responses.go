package apidoc

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// documented is one status that an operation may answer with, as its description shows it.
type documented struct {
	status int
	huma.Response
}

// responses gathers what an operation may answer with. The statuses that all of them share are added by describe.
func responses(list ...documented) map[string]*huma.Response {
	m := map[string]*huma.Response{}
	for _, d := range list {
		m[strconv.Itoa(d.status)] = &d.Response
	}
	return m
}

// success documents an answer that has a body, unless example is nil, and headers out of headerDocs.
func success(status int, description string, example any, headers ...string) documented {
	d := documented{status, huma.Response{Description: description, Headers: namedHeaders(headers)}}
	if example != nil {
		d.Content = map[string]*huma.MediaType{mediaJSON: {Example: plain(example)}}
	}
	return d
}

// problem documents an error: when it is answered, and with what detail, for example.
func problem(status int, when, detail string, headers ...string) documented {
	return documented{status, huma.Response{
		Description: when, Headers: namedHeaders(headers),
		Content: map[string]*huma.MediaType{mediaProblem: {Schema: ref("Problem"), Example: problemExample(status, detail)}},
	}}
}

func problemExample(status int, detail string) map[string]any {
	return map[string]any{"title": http.StatusText(status), "status": status, "detail": detail}
}

func namedHeaders(names []string) map[string]*huma.Param {
	m := map[string]*huma.Param{}
	for _, name := range names {
		m[name] = &huma.Param{Ref: "#/components/headers/" + name}
	}
	return m
}

// sharedResponse is an error that does not depend on the operation.
type sharedResponse struct {
	name, when, detail string
	headers            []string
}

func (s sharedResponse) response(status int) *huma.Response {
	d := problem(status, s.when, s.detail, s.headers...)
	if status == http.StatusUnprocessableEntity {
		d.Content[mediaProblem].Example.(map[string]any)["errors"] = []any{exampleFault}
	}
	return &d.Response
}

// sharedResponses are the errors that do not depend on the operation, by status.
var sharedResponses = map[int]sharedResponse{
	http.StatusRequestTimeout: {"Timeout", "The client has sent less than 64 KiB in half a minute, in the middle of the body.",
		"the body cannot be read: i/o timeout", nil},
	http.StatusInternalServerError: {"InternalError", "A fault of the server, which its log tells more about. To try again is safe and may help.",
		"internal error, see the log of the API", nil},
	http.StatusUnprocessableEntity: {"InvalidParameter", "A parameter is not one of those that there are, or its value is not.",
		"validation failed", nil},
	http.StatusServiceUnavailable: {"Unavailable", "The server is short of memory for transfers, or its database is away. What was accepted is safe.",
		"the database is not available, try again later", []string{"Retry-After"}},
}

// headerDocs describes each response header once, wherever it occurs.
func headerDocs() map[string]huma.Header {
	return map[string]huma.Header{
		"Accept-Ranges": {
			Description: "Ranges of this form of the matrix may be asked for.", Required: true,
			Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"bytes"}}, Example: "bytes",
		},
		"Cache-Control": {
			Description: "Nobody between the server and the client keeps the answer.",
			Schema:      &huma.Schema{Type: huma.TypeString, Enum: []any{"no-store"}}, Example: "no-store",
		},
		"Content-Disposition": {
			Description: "A name for the file.",
			Schema:      textSchema(200), Example: "attachment; filename=" + exampleMatrixC + ".npy",
		},
		"Content-Digest": {
			Description: "SHA-256 of the body (RFC 9530), if it is known when the answer begins: of a product of more than 64 MiB when it " +
				"has been read whole once, or `Want-Content-Digest` asks for it.",
			Schema: digestSchema(), Example: exampleDigest,
		},
		"Repr-Digest": {
			Description: "SHA-256 of the whole content, of which the body may be a range (RFC 9530).", Schema: digestSchema(), Example: exampleDigest,
		},
		"Idempotent-Replayed": {
			Description: "`true` when the request has been accepted before under the same `Idempotency-Key`: this is the first answer again.",
			Schema:      &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}}, Example: "true",
		},
		"Content-Range": {
			Description: "Which bytes of how many these are; of an answer 416 only how many there are.", Required: true,
			Schema: &huma.Schema{Type: huma.TypeString, Pattern: `^bytes (\*|\d+-\d+)/\d+$`, MaxLength: new(64)}, Example: "bytes 128-159/160",
		},
		"ETag": {
			Description: "Names what the body is now; another body has another one. It is for If-None-Match, and of a matrix for If-Match and If-Range.", Required: true,
			Schema: &huma.Schema{Type: huma.TypeString, Pattern: `^(W/)?"[^"]*"$`, MaxLength: new(100)}, Example: `"` + exampleMatrixC + `-x-npy"`,
		},
		"Link": {
			Description: "The address of the next page as rel=\"next\", unless this is the last one.",
			Schema:      textSchema(2000), Example: `<` + MultiplicationsPath + `?cursor=AAY3lFD_4EgBogor4U59hpIdplKLVWKe>; rel="next"`,
		},
		"Location": {
			Description: "Path of what was created.", Required: true,
			Schema: &huma.Schema{Type: huma.TypeString, Format: "uri-reference", MaxLength: new(200)}, Example: MultiplicationsPath + "/" + exampleID,
		},
		"Preference-Applied": {
			Description: "`wait=N`, if the answer has waited for the end of the multiplication, or for N seconds (RFC 7240).",
			Schema:      &huma.Schema{Type: huma.TypeString, Pattern: `^wait=\d+$`, MaxLength: new(20)}, Example: "wait=10",
		},
		"Retry-After": {
			Description: "Seconds to wait before the next attempt.", Required: true,
			Schema: &huma.Schema{Type: huma.TypeInteger, Format: "int32", Minimum: new(0.0), Maximum: new(3600.0)}, Example: 5,
		},
		"X-Accel-Buffering": {
			Description: "Asks a proxy not to hold events back.",
			Schema:      &huma.Schema{Type: huma.TypeString, Enum: []any{"no"}}, Example: "no",
		},
		"Vary": {
			Description: "The answer depends on these headers of the request.",
			Schema:      textSchema(200), Example: "Accept",
		},
	}
}

// textSchema is free text: it says something, in at most so many characters.
func textSchema(length int) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `\S`, MaxLength: &length}
}

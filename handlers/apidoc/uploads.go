package apidoc

import (
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/apidoc/schema"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

const (
	exampleUploadLimit = "max-size=2147549184, min-size=1048576, min-append-size=67108864, max-age=3600"
	exampleLength      = 800_000_128
	exampleOffset      = 33_554_560
)

// uploadState are the headers that say how far an upload has come.
var uploadState = []string{"Upload-Offset", "Upload-Complete", "Upload-Length", "Upload-Limit"}

func exampleUpload() resource.PartialUpload {
	return resource.PartialUpload{
		ID:        example.MatrixA,
		Length:    exampleLength,
		ExpiresAt: example.Time.Add(time.Hour),
	}
}

// GetUpload describes HEAD /v1/uploads/{id}.
func GetUpload() huma.Operation {
	return huma.Operation{
		OperationID:   "get-upload",
		Security:      needsSubmit,
		Tags:          []string{matricesTag},
		Summary:       "Ask where an upload goes on",
		Description:   "A request that still appends is ended, and what has come is saved: the client that asks has lost it.",
		DefaultStatus: http.StatusNoContent,
		Responses: responses(
			success(http.StatusNoContent, "How far it has come. When it is complete, the matrix has its id.", nil,
				uploadState...),
			noSuchUpload(),
			uploadHeld(),
		),
	}
}

// AppendUpload describes PATCH /v1/uploads/{id}.
func AppendUpload() huma.Operation {
	return huma.Operation{
		OperationID: "append-upload",
		Security:    needsSubmit,
		Tags:        []string{matricesTag},
		Summary:     "Go on with an upload",
		Description: "Appends a part of the file, as draft-ietf-httpbis-resumable-upload says. `POST " + MatricesPath +
			"` with `Upload-Complete: ?0` and `Upload-Length` begins an upload; `HEAD` tells where it goes on after a " +
			"break: what has come is kept in steps of up to 64 MiB, and the rest of a step is sent again. The last part has " +
			"`Upload-Complete: ?1`; its response is the matrix.",
		DefaultStatus: http.StatusCreated,
		RequestBody: &huma.RequestBody{
			Description: "The bytes of the file from `Upload-Offset` on.",
			Required:    true,
			Content: map[string]*huma.MediaType{
				resource.MediaPart: {Schema: npySchema(), Examples: example.File()},
			},
		},
		Responses: responses(
			success(http.StatusCreated, "The upload is complete.", example.Matrix(), append(uploadState, "Location")...),
			success(http.StatusNoContent, "The upload goes on at `Upload-Offset`.", nil, uploadState...),
			refusal(problem.BadRequest, "A header is missing, or the body does not fit to the length of the file or to its "+
				"digest; or the file is no .npy file: then the upload is deleted.",
				"bad request: Upload-Offset must say where the body begins in the file"),
			noSuchUpload(),
			uploadConflict(),
			refusal(problem.TooLarge, "The matrix has more bytes than this server accepts.",
				"matrix too large: 3000×3000 float64 has more than the allowed 67108864 bytes"),
			refusal(problem.MediaType, "The body is not `application/partial-upload`.",
				"unsupported media type: text/plain, send application/partial-upload"),
			response{status: http.StatusRequestTimeout},
			response{status: http.StatusInsufficientStorage},
		),
	}
}

// CancelUpload describes DELETE /v1/uploads/{id}.
func CancelUpload() huma.Operation {
	return huma.Operation{
		OperationID:   "cancel-upload",
		Security:      needsSubmit,
		Tags:          []string{matricesTag},
		Summary:       "Cancel an upload",
		Description:   "What has come of it is deleted. The matrix of one that is complete stays.",
		DefaultStatus: http.StatusNoContent,
		Responses: responses(
			success(http.StatusNoContent, "The upload is cancelled.", nil),
			noSuchUpload(),
		),
	}
}

func noSuchUpload() response {
	return refusal(problem.NotFound, "There is no such upload: it was cancelled, or is over since an hour.",
		"upload "+example.MatrixA+notFoundHint)
}

func uploadBegun() response {
	r := success(http.StatusAccepted, "The upload has begun, and goes on at `Location`.", exampleUpload(),
		append(uploadState, "Location", "Idempotent-Replayed")...)
	r.Content[resource.MediaJSON].Schema = ref("PartialUpload")
	return r
}

func uploadConflict() response {
	r := refusal(problem.UploadOffset, "The request does not begin where the upload goes on (`upload_offset`); another "+
		"request appends to it (`upload_held`); or it is complete (`upload_completed`).",
		"the upload goes on at byte 0, the request is about byte 33554560", "Retry-After", "Upload-Offset")
	example := r.Content[resource.MediaProblem].Example.(map[string]any) //nolint:forcetypeassert // as plain makes it
	example["type"] = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
	example["expected-offset"] = 0
	example["provided-offset"] = exampleOffset
	return r
}

func uploadHeld() response {
	return refusal(problem.UploadHeld, "Another request appends to the upload, or did when its process died.",
		"another request appends to the upload", "Retry-After")
}

// uploadHeaders describes the response headers of uploads.
func uploadHeaders() map[string]huma.Header {
	return map[string]huma.Header{
		"Upload-Offset": {
			Description: "Where the upload goes on, in bytes of the file: what is before it will not be asked for again.",
			Schema:      schema.Integer("int64", 0, 1<<53),
			Example:     exampleOffset,
		},
		"Upload-Complete": {
			Description: "`?1` if all of the file is there.",
			Schema:      schema.Enum("?0", "?1"),
			Example:     "?0",
		},
		"Upload-Length": {
			Description: "Size of the file in bytes.",
			Schema:      schema.Integer("int64", 0, 1<<53),
			Example:     exampleLength,
		},
		"Upload-Limit": {
			Description: "What an upload must keep to: sizes in bytes, and in how many seconds it is deleted if it does not " +
				"go on.",
			Schema:  schema.Pattern(`^[a-z-]+=\d+(, [a-z-]+=\d+)*$`, 200),
			Example: exampleUploadLimit,
		},
	}
}

// uploadParameters describes the request headers of uploads.
func uploadParameters() map[string]huma.Param {
	return map[string]huma.Param{
		"Upload-Offset": {
			Description: "Where the body begins in the file: where the upload goes on.",
			Schema:      schema.Pattern(`^\d+$`, 16),
			Example:     strconv.Itoa(exampleOffset),
		},
		"Upload-Complete": {
			Description: "`?0` if more of the file follows in later requests, `?1` if the body has the rest of it.",
			Schema:      schema.Enum("?0", "?1"),
			Example:     "?0",
		},
		"Upload-Length": {
			Description: "Size of the file in bytes, with `Upload-Complete: ?0`: at least 1 MiB.",
			Schema:      schema.Pattern(`^\d+$`, 16),
			Example:     strconv.Itoa(exampleLength),
		},
	}
}

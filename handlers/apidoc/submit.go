package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// SubmitSimple describes POST /matrix_multiplication/.
func SubmitSimple() huma.Operation {
	return huma.Operation{
		OperationID: "submit-simple",
		Security:    needsSubmit,
		Tags:        []string{multiplicationsTag},
		Summary:     "Multiply two small matrices",
		Description: "The simplest form of a submission: two matrices as rows of numbers. Otherwise like " +
			"`POST /v1/multiplications`.",
		DefaultStatus: http.StatusAccepted,
		RequestBody: &huma.RequestBody{
			Description: "The two matrices.",
			Required:    true,
			Content: map[string]*huma.MediaType{
				resource.MediaJSON: {Schema: ref("SimpleSubmission"), Example: example.Simple},
			},
		},
		Responses: responses(append(
			bodyProblems("text/plain, send application/json", resultTooLarge, shapesDiffer),
			submitted(), finished(),
		)...),
	}
}

// SubmitMultiplication describes POST /v1/multiplications.
func SubmitMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "submit-multiplication",
		Security:    needsSubmit,
		Tags:        []string{multiplicationsTag},
		Summary:     "Multiply two matrices",
		Description: "Returns the multiplication as soon as it is queued. With `Prefer: wait=N` the response waits " +
			"for the result, and contains it in `result.values` if it is small. Operands are stored matrices, " +
			"numbers, random matrices, which are neither uploaded nor stored, .npy files, or objects in buckets, which are " +
			"read where they are.\n\n" + aboutReuse,
		DefaultStatus: http.StatusAccepted,
		RequestBody: &huma.RequestBody{
			Description: "The operands as JSON or as .npy files.",
			Required:    true,
			Content: map[string]*huma.MediaType{
				resource.MediaJSON:      submissionJSON(),
				resource.MediaMultipart: submissionFiles(),
			},
		},
		Responses: responses(append(
			bodyProblems("text/plain, send application/json or multipart/form-data", resultTooLarge, shapesDiffer),
			submitted(), finished(),
			refusal(problem.NotReady, "An operand is still being uploaded, or the webhook that it names is disabled.",
				"matrix "+example.MatrixA+": matrix is not ready; use it when its upload is complete"),
		)...),
	}
}

const aboutReuse = "" +
	"If the tenant has a completed multiplication of the same matrices whose result is still kept, the response " +
	"has a new multiplication that is `completed` at once with that result, and says `\"reused\": true`: it has an " +
	"id, a result and a lifetime of its own, and deleting one does not harm the other. Matrices are the same by " +
	"their content, random ones by shape, type and seed, objects by bucket, key, version and ETag. Multiplications " +
	"of queue `small`, which take less than 10 ms as a whole, are computed, and so are those with an `output`, and " +
	"those that are submitted before the first one has completed. `\"reuse\": false` asks for a computation."

func submitted() response {
	r := success(http.StatusAccepted, "The multiplication is queued, or completed with an earlier result.",
		example.Pending(), "Location", "Preference-Applied", "Idempotent-Replayed")
	r.Content[resource.MediaJSON].Example = nil
	r.Content[resource.MediaJSON].Examples = map[string]*huma.Example{
		"queued": {Summary: "It is queued", Value: example.Plain(example.Pending())},
		"reused": {Summary: "It has the result of an earlier one", Value: example.Plain(example.Reused())},
	}
	return r
}

func finished() response {
	r := success(http.StatusOK, "The multiplication finished while the response waited.", example.Waited(),
		"Location", "Preference-Applied", "Idempotent-Replayed")
	r.Content[resource.MediaJSON].Schema = ref("Multiplication")
	return r
}

func submissionJSON() *huma.MediaType {
	random := func(seed int) map[string]any {
		return map[string]any{"random": map[string]any{"rows": 5000, "cols": 5000, "seed": seed}}
	}
	stored := func(id string) map[string]any { return map[string]any{"matrix_id": id} }
	object := func(key string) map[string]any {
		return map[string]any{"s3": map[string]any{"bucket": "data", "key": key}}
	}
	return &huma.MediaType{
		Schema: ref("Submission"),
		Examples: map[string]*huma.Example{
			"numbers": {
				Summary: "Numbers",
				Value:   example.Submission(),
			},
			"random": {
				Summary: "Random matrices",
				Value:   map[string]any{"a": random(1), "b": random(2), "priority": 4},
			},
			"without_reuse": {
				Summary: "To be computed again",
				Value:   map[string]any{"a": random(1), "b": random(2), "reuse": false},
			},
			"stored": {
				Summary: "Stored matrices",
				Value:   map[string]any{"a": stored(example.MatrixA), "b": stored(example.MatrixB)},
			},
			"objects": {
				Summary:     "Objects in buckets",
				Description: "The buckets must be allowed by the settings of the server.",
				Value: map[string]any{
					"a":      object("inputs/a.npy"),
					"b":      object("inputs/b.npy"),
					"output": object("results/c.npy"),
				},
			},
		},
	}
}

func submissionFiles() *huma.MediaType {
	return &huma.MediaType{
		Schema: submissionSchema(npySchema()),
		Examples: map[string]*huma.Example{"files": {
			Summary:     "Two .npy files",
			Description: "`curl -F a=@A.npy -F b=@B.npy -F priority=1 …`",
			Value:       map[string]any{"a": example.FileValue, "b": example.FileValue, "priority": 1},
		}},
		Encoding: map[string]*huma.Encoding{
			"a": {ContentType: resource.MediaNPY},
			"b": {ContentType: resource.MediaNPY},
		},
	}
}

// bodyProblems returns the error responses of operations that read matrices, with examples of details.
func bodyProblems(unsupported, tooLarge, invalid string) []response {
	return []response{
		{status: http.StatusRequestTimeout}, // these two are of sharedResponses
		{status: http.StatusInsufficientStorage},
		refusal(problem.BadRequest, "The body does not match its media type, or ends too early.",
			"bad request: malformed JSON: unexpected EOF after offset 13"),
		refusal(problem.TooLarge, "A matrix or the result is too large for this server.", tooLarge),
		refusal(problem.MediaType, "The body has a media type that is not supported, or is compressed.",
			"unsupported media type: "+unsupported, "Accept-Encoding"),
		refusal(problem.Shape,
			"The shapes do not match, a member is unknown, or the type of the elements is not supported.", invalid),
	}
}

const (
	resultTooLarge = "the result: matrix too large: 3000×3000 float64 has more than the allowed 67108864 bytes"
	shapesDiffer   = "wrong shape: a is 1×2 and b is 1×1, the columns of a must equal the rows of b"
)

package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// SubmitSimple describes POST /matrix_multiplication/.
func SubmitSimple() huma.Operation {
	return huma.Operation{
		OperationID: "submit-simple",
		Tags:        []string{multiplicationsTag}, Summary: "Multiply two small matrices", DefaultStatus: http.StatusAccepted,
		Description: "The simplest form of a submission: two matrices as rows of numbers. All else is as for `POST /v1/multiplications`.",
		RequestBody: &huma.RequestBody{
			Description: "The two matrices.", Required: true,
			Content: map[string]*huma.MediaType{mediaJSON: {
				Schema: ref("SimpleSubmission"), Example: map[string]any{"A": exampleTwo, "B": exampleTwoB},
			}},
		},
		Responses: responses(append(
			bodyProblems("text/plain, send application/json", hugeProduct, wrongShapes),
			success(http.StatusAccepted, "The product is queued.", examplePending(), "Location", "Preference-Applied", "Idempotent-Replayed"),
			success(http.StatusOK, "The product has ended while the answer waited, as `Prefer: wait=N` asked it to.", exampleSmall(),
				"Location", "Preference-Applied", "Idempotent-Replayed"),
		)...),
	}
}

// SubmitMultiplication describes POST /v1/multiplications.
func SubmitMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "submit-multiplication",
		Tags:        []string{multiplicationsTag}, Summary: "Multiply two matrices", DefaultStatus: http.StatusAccepted,
		Description: "The product is queued and the answer comes at once. Operands are stored matrices, numbers, random " +
			"matrices that need neither upload nor storage, or .npy files. With `Prefer: wait=N` the answer waits for the product, and " +
			"has it in `result.values` if it is small.",
		RequestBody: &huma.RequestBody{
			Description: "The operands as JSON, or as .npy files.", Required: true,
			Content: map[string]*huma.MediaType{mediaJSON: submissionJSON(), mediaMultipart: submissionFiles()},
		},
		Responses: responses(append(
			bodyProblems("text/plain, send application/json or multipart/form-data", hugeProduct, wrongShapes),
			success(http.StatusAccepted, "The product is queued.", examplePending(), "Location", "Preference-Applied", "Idempotent-Replayed"),
			success(http.StatusOK, "The product has ended while the answer waited, as `Prefer: wait=N` asked it to.", exampleSmall(),
				"Location", "Preference-Applied", "Idempotent-Replayed"),
			problem(http.StatusConflict, "A matrix that is named is still being uploaded.", "matrix "+exampleMatrixA+": matrix is not ready"),
		)...),
	}
}

func submissionJSON() *huma.MediaType {
	random := func(seed int) map[string]any {
		return map[string]any{"random": map[string]any{"rows": 5000, "cols": 5000, "seed": seed}}
	}
	return &huma.MediaType{Schema: ref("Submission"), Examples: map[string]*huma.Example{
		"numbers": {Summary: "Numbers", Value: exampleSubmission()},
		"random":  {Summary: "Random matrices of any size", Value: map[string]any{"a": random(1), "b": random(2), "priority": 4}},
		"stored": {Summary: "Stored matrices", Value: map[string]any{
			"a": map[string]any{"matrix_id": exampleMatrixA}, "b": map[string]any{"matrix_id": exampleMatrixB},
		}},
	}}
}

func submissionFiles() *huma.MediaType {
	return &huma.MediaType{
		Schema: objectSchema(map[string]*huma.Schema{"a": npySchema(), "b": npySchema(), "priority": prioritySchema()}, "a", "b"),
		Examples: map[string]*huma.Example{"files": {
			Summary: "Two .npy files", Description: "`curl -F a=@A.npy -F b=@B.npy -F priority=1 …`",
			Value: map[string]any{"a": npyExample()["file"].Value, "b": npyExample()["file"].Value, "priority": 1},
		}},
		Encoding: map[string]*huma.Encoding{"a": {ContentType: mediaNPY}, "b": {ContentType: mediaNPY}},
	}
}

// bodyProblems are the errors of every operation that takes matrices, with the details of an example.
func bodyProblems(unsupported, tooLarge, invalid string) []documented {
	return []documented{
		{http.StatusRequestTimeout, huma.Response{}}, // which is the same everywhere
		problem(http.StatusBadRequest, "The body is not what its type says, or ends too early.",
			"bad request: malformed JSON: unexpected EOF after offset 13"),
		problem(http.StatusRequestEntityTooLarge, "A matrix, or the product, is larger than this server takes.", tooLarge),
		problem(http.StatusUnsupportedMediaType, "The body is of a type that is not read here.", "unsupported media type: "+unsupported),
		problem(http.StatusUnprocessableEntity, "The request is well formed, but cannot be done: shapes that do not fit, members "+
			"that there are not, elements of a type that is not multiplied.", invalid),
	}
}

const (
	hugeProduct = "the product: matrix too large: 3000×3000 float64 has more than the allowed 67108864 bytes"
	wrongShapes = "wrong shape: a is 1×2 and b is 1×1, the columns of a must equal the rows of b"
)

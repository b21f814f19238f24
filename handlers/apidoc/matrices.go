package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// CreateMatrix describes POST /v1/matrices.
func CreateMatrix() huma.Operation {
	return huma.Operation{
		OperationID: "create-matrix",
		Security:    needsSubmit,
		Tags:        []string{matricesTag},
		Summary:     "Upload a matrix",
		Description: "A .npy file, which is read as a stream: format versions 1 to 3, little and big endian, C and " +
			"Fortran order, float64, float32 and the integers that float64 represents exactly. Or JSON: numbers, or " +
			"the description of a random matrix.\n\n" +
			"With `Upload-Complete: ?0` the request begins an upload that goes on after a break: see " +
			"`PATCH " + UploadsPath + "/{id}`. It may be empty.",
		DefaultStatus: http.StatusCreated,
		RequestBody: &huma.RequestBody{
			Description: "The matrix. `application/octet-stream` is read as `application/x-npy`.",
			Required:    true,
			Content: map[string]*huma.MediaType{
				resource.MediaNPY:  {Schema: npySchema(), Examples: example.File()},
				resource.MediaJSON: matrixJSON(),
			},
		},
		Responses: responses(append(
			bodyProblems("text/plain, send application/x-npy or application/json",
				"matrix too large: 3000×3000 float64 has more than the allowed 67108864 bytes",
				"wrong shape: ragged rows, the body[1] has 1 numbers and the body[0] has 2"),
			success(http.StatusCreated, "The matrix is stored.", example.Matrix(), "Location", "Idempotent-Replayed"),
			uploadBegun(),
		)...),
	}
}

// ListMatrices describes GET /v1/matrices.
func ListMatrices() huma.Operation {
	return huma.Operation{
		OperationID: "list-matrices",
		Security:    needsRead,
		Tags:        []string{matricesTag},
		Summary:     "List matrices",
		Description: "Those that are ready, newest first, in pages. Follow `next_cursor` or the `Link` header until there " +
			"is none. Operands and results of multiplications are among them, but not those of small ones whose operands came " +
			"with the submission.",
		Responses: responses(
			success(http.StatusOK, "One page.", example.Matrices(), "ETag", "Link"),
			notModified(),
			preconditionFailed(),
			refusal(problem.Invalid, "A parameter is unknown or has an invalid value.",
				`invalid request: cursor "1" is not the next_cursor of any page`),
		),
	}
}

func matrixJSON() *huma.MediaType {
	return &huma.MediaType{
		Schema: &huma.Schema{OneOf: []*huma.Schema{ref("NewMatrix"), ref("Values")}},
		Examples: map[string]*huma.Example{
			"numbers": {
				Summary: "Numbers",
				Value:   map[string]any{"values": example.ValuesA},
			},
			"rows": {
				Summary: "Numbers without an enclosing object",
				Value:   example.ValuesA,
			},
			"random": {
				Summary: "A random matrix",
				Value:   map[string]any{"random": example.Random},
			},
		},
	}
}

// GetMatrix describes GET /v1/matrices/{id}.
func GetMatrix() huma.Operation {
	return huma.Operation{
		OperationID: "get-matrix",
		Security:    needsRead,
		Tags:        []string{matricesTag},
		Summary:     "Get the shape and state of a matrix",
		Description: "The elements are at `/v1/matrices/{id}/content`.",
		Responses: responses(
			success(http.StatusOK, "The matrix.", example.Matrix(), "ETag"),
			notModified(),
			preconditionFailed(),
			noSuchMatrix(),
		),
	}
}

// DeleteMatrix describes DELETE /v1/matrices/{id}.
func DeleteMatrix() huma.Operation {
	return huma.Operation{
		OperationID:   "delete-matrix",
		Security:      needsSubmit,
		Tags:          []string{matricesTag},
		Summary:       "Delete a matrix",
		Description:   "A matrix of a multiplication cannot be deleted before the multiplication.",
		DefaultStatus: http.StatusNoContent,
		Responses: responses(
			success(http.StatusNoContent, "The matrix is deleted.", nil),
			preconditionFailed(),
			noSuchMatrix(),
			refusal(problem.InUse, "The matrix is part of the multiplications in the detail, or still being uploaded.",
				"matrix "+example.MatrixA+" is part of the multiplications ["+example.ID+"]: in use; delete those first"),
		),
	}
}

func noSuchMatrix() response {
	return refusal(problem.NotFound, "There is no such matrix, or it has been deleted.",
		"matrix "+example.MatrixA+notFoundHint)
}

package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

func noSuchMatrix() documented {
	return problem(http.StatusNotFound, "There is no matrix of that id, or no longer.", "matrix "+exampleMatrixA+": not found")
}

// CreateMatrix describes POST /v1/matrices.
func CreateMatrix() huma.Operation {
	return huma.Operation{
		OperationID: "create-matrix", Tags: []string{matricesTag},
		Summary: "Upload a matrix", DefaultStatus: http.StatusCreated,
		Description: "A .npy file of any size, as a stream: versions 1 to 3, little and big endian, C and Fortran order, float64, " +
			"float32 and the integers that float64 holds exactly. Or JSON: numbers, or the description of a random matrix.",
		RequestBody: &huma.RequestBody{
			Description: "The matrix. `application/octet-stream` is taken for `application/x-npy`.", Required: true,
			Content: map[string]*huma.MediaType{
				mediaNPY: {Schema: npySchema(), Examples: npyExample()},
				mediaJSON: {
					Schema: &huma.Schema{OneOf: []*huma.Schema{ref("NewMatrix"), ref("Values")}},
					Examples: map[string]*huma.Example{
						"numbers": {Summary: "Numbers", Value: map[string]any{"values": exampleTwo}},
						"rows":    {Summary: "Numbers, without an object around them", Value: exampleTwo},
						"random":  {Summary: "A random matrix", Value: map[string]any{"random": exampleRandom}},
					},
				},
			},
		},
		Responses: responses(append(
			bodyProblems("text/plain, send application/x-npy or application/json",
				"matrix too large: 3000×3000 float64 has more than the allowed 67108864 bytes",
				"wrong shape: ragged rows, the body[1] has 1 numbers and the body[0] has 2"),
			success(http.StatusCreated, "The matrix is stored.", exampleMatrix(), "Location", "Idempotent-Replayed"),
		)...),
	}
}

// GetMatrix describes GET /v1/matrices/{id}.
func GetMatrix() huma.Operation {
	return huma.Operation{
		OperationID: "get-matrix", Tags: []string{matricesTag},
		Summary:     "Shape and state of a matrix",
		Description: "Its elements are at `…/content`.",
		Responses:   responses(success(http.StatusOK, "The matrix.", exampleMatrix(), "ETag"), notModified(), noSuchMatrix()),
	}
}

// DeleteMatrix describes DELETE /v1/matrices/{id}.
func DeleteMatrix() huma.Operation {
	return huma.Operation{
		OperationID: "delete-matrix", Tags: []string{matricesTag},
		Summary: "Remove a matrix", Description: "One that is part of a multiplication cannot be removed.",
		DefaultStatus: http.StatusNoContent,
		Responses: responses(
			success(http.StatusNoContent, "It is gone.", nil),
			noSuchMatrix(),
			problem(http.StatusConflict, "It is part of multiplications, which the detail names, or still being uploaded.",
				"matrix "+exampleMatrixA+" is part of the multiplications ["+exampleID+"]: in use"),
		),
	}
}

package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// GetResult describes GET /v1/multiplications/{id}/result.
func GetResult() huma.Operation {
	return contentOperation(MultiplicationsPath+"/"+exampleID+"/result", huma.Operation{
		OperationID: "get-result", Tags: []string{multiplicationsTag},
		Summary: "The product", Description: "Of a multiplication that is not completed the answer is 409.",
	}, noSuchMultiplication(), problem(http.StatusConflict, "It is not completed.", "conflict: the multiplication is pending, it has no result"))
}

// GetContent describes GET /v1/matrices/{id}/content.
func GetContent() huma.Operation {
	return contentOperation(MatricesPath+"/"+exampleMatrixA+"/content", huma.Operation{
		OperationID: "get-matrix-content", Tags: []string{matricesTag},
		Summary: "The elements of a matrix", Description: "Of a matrix that is still being uploaded the answer is 409.",
	}, noSuchMatrix(), problem(http.StatusConflict, "It is still being uploaded.", "matrix "+exampleMatrixA+": matrix is not ready"))
}

// contentOperation completes the description of an operation that answers with a matrix, for example that at path.
func contentOperation(path string, op huma.Operation, notFound, conflict documented) huma.Operation {
	op.Description += "\n\nThe form is that of the `Accept` header: `application/x-npy`, also without one, or `application/json`. " +
		"The .npy form has ranges, and an `ETag` with which a broken download goes on (`If-Range`). NaN and infinities have no " +
		"JSON form. `rows` and `cols` cut a window out of the matrix, which is a matrix of its own: with an `ETag` of its own, and " +
		"ranges."
	op.Parameters = conditions()
	whole := success(http.StatusOK, "The elements.", exampleElements, "ETag", "Accept-Ranges", "Vary", "Content-Disposition", "Content-Digest",
		"Repr-Digest")
	whole.Content[mediaJSON].Schema = ref("Elements")
	whole.Content[mediaNPY] = &huma.MediaType{Schema: npySchema(), Examples: npyExample()}
	part := success(http.StatusPartialContent, "The range that was asked for.", nil, "ETag", "Accept-Ranges", "Content-Range", "Vary",
		"Content-Disposition", "Repr-Digest")
	bytes := &huma.Schema{Type: huma.TypeString, Format: "binary", MaxLength: new(maxFileBytes)}
	part.Content = map[string]*huma.MediaType{
		mediaNPY:               {Schema: bytes, Examples: npyExample()},
		"multipart/byteranges": {Schema: bytes, Example: "--…\r\nContent-Range: bytes 0-9/160\r\n…"},
	}
	op.Responses = responses(whole, part, notFound, conflict,
		success(http.StatusNotModified, "The client has this form already.", nil, "ETag", "Vary", "Content-Disposition"),
		problem(http.StatusNotAcceptable, "The client accepts no form that there is, or the matrix has no JSON form: it is too "+
			"large for one, or has elements that are not finite.",
			"not acceptable: matrices are served as application/x-npy or application/json"),
		problem(http.StatusUnprocessableEntity, "The window is not one of this matrix.", "invalid request: rows=0:100 is no part of 0:1"),
		problem(http.StatusPreconditionFailed, "`If-Match` names another form.", "GET "+path, "ETag", "Vary"),
		problem(http.StatusRequestedRangeNotSatisfiable, "The range is not one of this content.",
			"GET "+path, "Content-Range", "Vary"),
	)
	return op
}

// npyExample stands for a file: what it holds cannot be shown here.
func npyExample() map[string]*huma.Example {
	return map[string]*huma.Example{"file": {
		Summary:     "A file as np.save writes it",
		Description: "`np.save(\"A.npy\", np.array([[1.0, 2.0], [3.0, 4.0]]))`: 128 bytes of header, 32 of elements.",
		Value:       "\u0093NUMPY\u0001\u0000v\u0000{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), } …",
	}}
}

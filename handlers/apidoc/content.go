package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// GetResult describes GET /v1/multiplications/{id}/result.
func GetResult() huma.Operation {
	notCompleted := refusal(problem.NotCompleted, "The multiplication is not completed.",
		"the multiplication is pending, it has no result yet; GET it with Prefer: wait=60, or follow its events")
	return huma.Operation{
		OperationID: "get-result",
		Security:    needsRead,
		Tags:        []string{multiplicationsTag},
		Summary:     "Download the result",
		Description: "Returns 409 if the multiplication is not completed." + aboutContent,
		Parameters:  conditions(),
		Responses:   contentResponses(example.Path+"/result", noSuchMultiplication(), notCompleted),
	}
}

// GetContent describes GET /v1/matrices/{id}/content.
func GetContent() huma.Operation {
	notReady := refusal(problem.NotReady, "The matrix is still being uploaded.",
		"matrix "+example.MatrixA+": matrix is not ready; use it when its upload is complete")
	return huma.Operation{
		OperationID: "get-matrix-content",
		Security:    needsRead,
		Tags:        []string{matricesTag},
		Summary:     "Download the elements of a matrix",
		Description: "Returns 409 if the matrix is still being uploaded." + aboutContent,
		Parameters:  conditions(),
		Responses:   contentResponses(MatricesPath+"/"+example.MatrixA+"/content", noSuchMatrix(), notReady),
	}
}

const aboutContent = "\n\nThe `Accept` header selects the form: `application/x-npy`, which is the default, or " +
	"`application/json`. The .npy form has ranges, and an `ETag` with which an interrupted download resumes " +
	"(`If-Range`). JSON of more than 256 KiB of elements is rendered while it is sent: it has an `ETag`, but neither " +
	"a length, a digest nor ranges. NaN and infinities have no JSON form: a matrix with one is sent as .npy if `Accept` " +
	"allows it, too, else the response is 406. The first GiB of elements is looked through for them before the response " +
	"begins. A response that ends too early has no last chunk. `rows` and `cols` select a window of the matrix, as " +
	"slices of NumPy do: `-2:` are the last two, and what is outside of the matrix is left out. A window is served like " +
	"a matrix, with its own `ETag` and ranges."

// contentResponses returns the responses of an operation that returns the elements of a matrix; path is an example.
func contentResponses(path string, notFound, conflict response) map[string]*huma.Response {
	whole := success(http.StatusOK, "The elements.", example.Elements,
		"ETag", "Accept-Ranges", "Vary", "Content-Disposition", "Content-Digest", "Repr-Digest")
	whole.Content[resource.MediaJSON].Schema = ref("Elements")
	whole.Content[resource.MediaNPY] = &huma.MediaType{Schema: npySchema(), Examples: example.File()}
	part := success(http.StatusPartialContent, "The requested range.", nil,
		"ETag", "Accept-Ranges", "Content-Range", "Vary", "Content-Disposition", "Repr-Digest")
	part.Content = map[string]*huma.MediaType{
		resource.MediaNPY:      {Schema: binarySchema(), Examples: example.File()},
		"multipart/byteranges": {Schema: binarySchema(), Example: "--…\r\nContent-Range: bytes 0-9/160\r\n…"},
	}
	return responses(
		whole, part, notFound, conflict,
		success(http.StatusNotModified, "The client has the current version.", nil,
			"ETag", "Vary", "Content-Disposition"),
		refusal(problem.NotAcceptable,
			"The client accepts neither form, or JSON alone and the matrix is not finite, or too large for it.",
			"not acceptable: matrices are served as application/x-npy or application/json"),
		refusal(problem.PreconditionFailed, "The content does not have the ETag of `If-Match`.",
			"GET "+path, "ETag", "Vary"),
		refusal(problem.Range, "The range is not inside the content.",
			"the content has no such range; Content-Range says its size", "Content-Range", "Vary"),
	)
}

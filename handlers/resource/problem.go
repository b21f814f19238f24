package resource

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// WriteProblem responds with an error of Huma, and with the headers that it has; others are a 500 without a reason.
func WriteProblem(w http.ResponseWriter, err error) {
	var problem huma.StatusError
	if !errors.As(err, &problem) {
		problem = huma.NewError(http.StatusInternalServerError, "internal error, see the log of the API")
	}
	header := w.Header()
	header.Set("Content-Type", MediaProblem)
	var headers huma.HeadersError
	if errors.As(err, &headers) {
		for name, values := range headers.GetHeaders() {
			header[name] = values
		}
	}
	w.WriteHeader(problem.GetStatus())
	_ = json.NewEncoder(w).Encode(problem) // the client may be gone
}

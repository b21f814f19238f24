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

// problemDocs is where the codes of problems are described.
const problemDocs = "https://github.com/millrace/millrace/blob/main/docs/problems.md#"

// CodedProblem is an error with a code that programs can rely on. Others have a status and a text.
type CodedProblem struct {
	Type   string `json:"type"` // where the code is described
	Code   string `json:"code"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// NewProblem returns an error with a code.
func NewProblem(status int, code, detail string) *CodedProblem {
	return &CodedProblem{
		Type:   problemDocs + code,
		Code:   code,
		Title:  http.StatusText(status),
		Status: status,
		Detail: detail,
	}
}

// Error implements error.
func (p *CodedProblem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *CodedProblem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *CodedProblem) ContentType(string) string { return MediaProblem }

package resource

import "github.com/millrace/millrace/handlers/problem"

// The media types of requests and responses.
const (
	MediaNPY         = "application/x-npy"
	MediaJSON        = "application/json"
	MediaNDJSON      = "application/x-ndjson" // a JSON text on each line
	MediaMultipart   = "multipart/form-data"
	MediaPart        = "application/partial-upload"
	MediaOctetStream = "application/octet-stream" // of a request: taken for MediaNPY
	MediaEvents      = "text/event-stream"
	MediaProblem     = problem.Media
)

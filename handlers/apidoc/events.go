package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/apidoc/schema"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// GetEvents describes GET /v1/multiplications/{id}/events.
func GetEvents() huma.Operation {
	description := "The events, from the first or from the one after `Last-Event-ID`. Each item of the array is an " +
		"event, and its members are the lines of the event. On the wire:\n\n```\n" + example.Stream + "\n```"
	stream := success(http.StatusOK, description, nil, "X-Accel-Buffering")
	stream.Content = map[string]*huma.MediaType{resource.MediaEvents: {
		Schema:  schema.Array(ref("StreamedEvent"), 1<<20),
		Example: []any{example.StreamedEvent()},
	}}
	return huma.Operation{
		OperationID: "get-multiplication-events",
		Security:    needsRead,
		Tags:        []string{multiplicationsTag},
		Summary:     "Stream the events of a multiplication",
		Description: "Server-sent events, as EventSource reads them: one for each change of the state (`event: " +
			"state`) and of the progress (`event: progress`). Their `id` counts from 1, the submission, without " +
			"gaps. An interrupted stream resumes with `Last-Event-ID`, on any replica. The stream ends after the " +
			"event that finishes the multiplication; a client that has received that event and reconnects gets 204. " +
			"After 15 seconds without an event a comment is sent, and after an hour the stream ends.",
		Responses: responses(
			stream,
			success(http.StatusNoContent, "The client has received the last event.", nil),
			noSuchMultiplication(),
			tooManyHeld(),
			refusal(problem.BadRequest, "The id of the last event is not one of this stream.", "bad request: "+
				`the id of the last event must be a number from a stream of this multiplication, it is "x"`),
			refusal(problem.NotAcceptable, "The client does not accept `text/event-stream`.",
				"not acceptable: events are served as text/event-stream"),
		),
	}
}

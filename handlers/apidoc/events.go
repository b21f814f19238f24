package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
)

// GetEvents describes GET /v1/multiplications/{id}/events.
func GetEvents() huma.Operation {
	stream := success(http.StatusOK, "The events, from the first one or from the one after Last-Event-ID on: each member of the array "+
		"stands for an event, its members for the lines of that. On the wire:\n\n```\n"+exampleStream+"\n```",
		nil, "Cache-Control", "X-Accel-Buffering")
	stream.Content = map[string]*huma.MediaType{mediaEvents: {
		Schema:  &huma.Schema{Type: huma.TypeArray, Items: ref("StreamedEvent"), MaxItems: new(1 << 20)},
		Example: []any{exampleStreamedEvent()},
	}}
	return huma.Operation{
		OperationID: "get-multiplication-events",
		Tags:        []string{multiplicationsTag}, Summary: "Follow a multiplication",
		Description: "Server-sent events, as EventSource reads them: one for every change of the state (`event: state`) and of the " +
			"progress (`event: progress`). Their `id` counts from 1, the submission, without gaps. A stream that breaks is taken up " +
			"again with Last-Event-ID, on any replica. It ends after the event that ends the multiplication; who asks for more then " +
			"gets 204. While nothing happens a comment is sent every 15 seconds.",
		Responses: responses(
			stream,
			success(http.StatusNoContent, "The multiplication has ended, and the client has seen its last event.", nil),
			noSuchMultiplication(),
			problem(http.StatusBadRequest, "The id of the last event is not one of a stream of this multiplication.",
				`bad request: the id of the last event must be a number from a stream of this multiplication, it is "x"`),
			problem(http.StatusNotAcceptable, "The client does not accept `text/event-stream`.",
				"not acceptable: events are served as text/event-stream"),
		),
	}
}

func exampleEvent() resource.MultiplicationEvent {
	return resource.MultiplicationEvent{
		ID: exampleID, State: "in_progress", Progress: 0.5, Tiles: resource.EventTileCounts{Total: 2, Completed: 1}, At: exampleTime,
	}
}

func exampleStreamedEvent() map[string]any {
	return map[string]any{"id": 3, "event": "progress", "data": plain(exampleEvent())}
}

const exampleStream = `id: 3
event: progress
data: {"id":"` + exampleID + `","state":"in_progress","progress":0.5,"tiles":{"total":2,"completed":1},"at":"2026-01-05T09:30:00.125Z"}`

func streamedEventSchema() *huma.Schema {
	return objectSchema(map[string]*huma.Schema{
		"id":    {Type: huma.TypeInteger, Format: "int64", Description: "Counts from 1 without gaps; for Last-Event-ID"},
		"event": {Type: huma.TypeString, Enum: []any{"state", "progress"}, Description: "What has changed"},
		"data":  ref("MultiplicationEvent"),
	}, "id", "event", "data")
}

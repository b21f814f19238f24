package handlers

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/store"
)

func getEventsOperation(api huma.API) huma.Operation {
	data := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[MultiplicationEvent](), true, "MultiplicationEvent")
	stream := success(http.StatusOK, "The events, from the first one or from the one after Last-Event-ID on.", nil,
		"Cache-Control", "X-Accel-Buffering")
	stream.Content = map[string]*huma.MediaType{mediaEvents: {
		Schema: &huma.Schema{
			Type: huma.TypeString, Pattern: `\S`, MaxLength: new(maxFileBytes),
			Description: "Events; the data of each is a MultiplicationEvent as one line of JSON",
			Extensions:  map[string]any{"x-event-data": data},
		},
		Example: exampleEvents,
	}}
	return huma.Operation{
		OperationID: "get-multiplication-events", Method: http.MethodGet, Path: multiplicationRoute + "/events",
		Tags: []string{multiplicationsTag}, Summary: "Follow a multiplication",
		Description: "Server-sent events, as EventSource reads them: one for every change of the state (`event: state`) and of the " +
			"progress (`event: progress`). Their `id` counts from 1, the submission, without gaps. A stream that breaks is taken up " +
			"again with Last-Event-ID, on any replica. It ends after the event that ends the multiplication; who asks for more then " +
			"gets 204. While nothing happens a comment is sent every 15 seconds.",
		Responses: responses(
			stream,
			success(http.StatusNoContent, "The multiplication has ended, and the client has seen its last event.", nil),
			noSuchMultiplication,
			problem(http.StatusBadRequest, "The id of the last event is not one of a stream of this multiplication.",
				`bad request: the id of the last event must be a number from a stream of this multiplication, it is "x"`),
			problem(http.StatusNotAcceptable, "The client does not accept `text/event-stream`.",
				"not acceptable: events are served as text/event-stream"),
		),
	}
}

func exampleEvent() MultiplicationEvent {
	return MultiplicationEvent{
		ID: exampleID, State: store.InProgress, Progress: 0.5, Tiles: EventTileCounts{Total: 2, Completed: 1}, At: exampleTime,
	}
}

// exampleEvents is the end of a stream, of a product with two tiles.
const exampleEvents = `id: 3
event: progress
data: {"id":"01a20a2b-e14e-7d86-921d-a6528b55629e","state":"in_progress","progress":0.5,"tiles":{"total":2,"completed":1},"at":"2026-01-05T09:30:01Z"}

id: 4
event: state
data: {"id":"01a20a2b-e14e-7d86-921d-a6528b55629e","state":"completed","progress":1,"tiles":{"total":2,"completed":2},"at":"2026-01-05T09:30:02Z","result":{"matrix_id":"01a20a2b-e14e-7d87-8c0f-0d4f7a1f4f5c","rows":2000,"cols":2000,"dtype":"float64","href":"/v1/multiplications/01a20a2b-e14e-7d86-921d-a6528b55629e/result","bytes":32000000,"verified":true}}

`

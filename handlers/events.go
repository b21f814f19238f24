package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

const (
	mediaEvents = "text/event-stream"
	// heartbeat is how long a stream of events is silent at most. It is less than stallTimeout and than the idle timeouts
	// of usual proxies.
	heartbeat = 15 * time.Second
	// reconnectAfter is how long clients are asked to wait before they come back after a stream has ended.
	reconnectAfter = time.Second
)

// MultiplicationEvent is one change of a multiplication: the data of one server-sent event.
type MultiplicationEvent struct {
	ID       string          `json:"id" doc:"Of the multiplication"`
	State    store.State     `json:"state" enum:"pending,in_progress,completed,failed,cancelled"`
	Progress float64         `json:"progress" doc:"Completed tiles over all tiles, 0 to 1"`
	Tiles    EventTileCounts `json:"tiles"`
	At       time.Time       `json:"at"`
	Failure  string          `json:"failure,omitempty" doc:"Why it failed, in the last event"`
	Result   *ResultNotice   `json:"result,omitempty" doc:"Once the state is completed"`
}

// EventTileCounts says how far the work was.
type EventTileCounts struct {
	Total     int64 `json:"total"`
	Completed int64 `json:"completed"`
}

// eventsInput is the request for a stream of events.
type eventsInput struct {
	IDParam
	Accept      string `header:"Accept" doc:"text/event-stream"`
	LastEventID string `header:"Last-Event-ID" doc:"The id of the last event that the client has seen: the stream goes on after it. Browsers send it by themselves when they reconnect."`
	LastEvent   string `query:"last_event_id" doc:"The same, for clients that cannot set the header"`
}

// after returns the number of the last event that the client has seen, 0 for none.
func (in *eventsInput) after() (int64, error) {
	text := in.LastEventID
	if text == "" {
		text = in.LastEvent
	}
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: the id of the last event must be a number from a stream of this multiplication, it is %.40q", errBadRequest, text)
	}
	return n, nil
}

// getEvents answers GET /v1/multiplications/{id}/events.
func (a *API) getEvents(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	after, err := in.after()
	if err == nil && strings.TrimSpace(in.Accept) != "" && quality(in.Accept, mediaEvents) <= 0 {
		err = fmt.Errorf("%w: events are served as %s", errNotAccepted, mediaEvents)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	f, err := a.hub.Follow(ctx, id, after)
	switch {
	case errors.Is(err, watch.ErrStopped):
		f = nil // a stream that ends at once: browsers do not come back after an error
	case err != nil:
		return nil, a.fail(ctx, err)
	case f.Ended():
		f.Close()
		return &huma.StreamResponse{Body: func(hc huma.Context) { hc.SetStatus(http.StatusNoContent) }}, nil
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		if f != nil {
			defer f.Close()
		}
		s := newEventStream(w)
		if f != nil && r.Method != http.MethodHead {
			s.follow(r.Context(), f, a.heartbeat)
		}
	}}, nil
}

// eventStream writes server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     bytes.Buffer
}

// newEventStream sends the header of a stream.
func newEventStream(w http.ResponseWriter) *eventStream {
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", mediaEvents)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy would hold events back
	w.WriteHeader(http.StatusOK)
	fmt.Fprintf(&s.buf, "retry: %d\n\n", reconnectAfter.Milliseconds())
	_ = s.flush() // if it fails the next one will
	return s
}

// flush sends what has been written.
func (s *eventStream) flush() error {
	_, err := s.w.Write(s.buf.Bytes())
	s.buf.Reset()
	if err == nil {
		err = s.control.Flush()
	}
	return err
}

// follow sends the events of a product until it has ended or the client is gone. When this process ends the stream does,
// too; the client goes on where it was on another one.
func (s *eventStream) follow(ctx context.Context, f *watch.Follower, heartbeat time.Duration) {
	for {
		events, err := next(ctx, f, heartbeat)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			s.buf.WriteString(":\n\n")
		case err != nil:
			return
		}
		for _, e := range events {
			if err := s.write(e, f.Product); err != nil {
				return
			}
		}
		if err := s.flush(); err != nil {
			return
		}
	}
}

// next waits for events, but not longer than a heartbeat.
func next(ctx context.Context, f *watch.Follower, heartbeat time.Duration) ([]watch.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	return f.Next(ctx)
}

func (s *eventStream) write(e watch.Event, p store.Multiplication) error {
	data, err := json.Marshal(newEventBody(e, p))
	if err != nil {
		return err
	}
	kind := "progress"
	if e.StateChanged {
		kind = "state"
	}
	_, err = fmt.Fprintf(&s.buf, "id: %d\nevent: %s\ndata: %s\n\n", e.Number, kind, data)
	return err
}

// newEventBody describes an event in the life of a product; of that the members are used that never change.
func newEventBody(e watch.Event, p store.Multiplication) MultiplicationEvent {
	body := MultiplicationEvent{
		ID: p.ID.String(), State: e.State, At: e.At.UTC(), Progress: progress(e.TilesCompleted, p.TilesTotal),
		Tiles: EventTileCounts{Total: p.TilesTotal, Completed: e.TilesCompleted},
	}
	if e.Product == nil {
		return body
	}
	if e.Product.Failure != nil {
		body.Failure = *e.Product.Failure
	}
	if e.State == store.Completed {
		body.Result = newResultNotice(p)
	}
	return body
}

func getEventsOperation(api huma.API) huma.Operation {
	data := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[MultiplicationEvent](), true, "MultiplicationEvent")
	return huma.Operation{
		OperationID: "get-multiplication-events", Method: http.MethodGet, Path: multiplicationRoute + "/events",
		Tags: []string{multiplicationsTag}, Summary: "Follow a multiplication",
		Description: "Server-sent events, as EventSource reads them: one for every change of the state (`event: state`) and of the " +
			"progress (`event: progress`). Their `id` counts from 1, the submission, without gaps. A stream that breaks is taken up " +
			"again with Last-Event-ID, on any replica. It ends after the event that ends the multiplication; who asks for more then " +
			"gets 204. While nothing happens a comment is sent every 15 seconds.",
		Responses: map[string]*huma.Response{
			"200": {
				Description: "The events, from the first one or from the one after Last-Event-ID on",
				Headers: map[string]*huma.Header{
					"Cache-Control": {Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"no-store"}}},
				},
				Content: map[string]*huma.MediaType{mediaEvents: {
					Schema: &huma.Schema{
						Type: huma.TypeString, Description: "Events; the data of each is a MultiplicationEvent as one line of JSON",
						Extensions: map[string]any{"x-event-data": data},
					},
					Example: exampleEvents,
				}},
			},
			"204": {Description: "The multiplication has ended, and the client has seen its last event"},
		},
		Errors: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusNotAcceptable, http.StatusServiceUnavailable},
	}
}

// exampleEvents is the end of a stream, of a product with two tiles.
const exampleEvents = `id: 3
event: progress
data: {"id":"01a20a2b-e14e-7d86-921d-a6528b55629e","state":"in_progress","progress":0.5,"tiles":{"total":2,"completed":1},"at":"2026-01-02T03:04:05Z"}

id: 4
event: state
data: {"id":"01a20a2b-e14e-7d86-921d-a6528b55629e","state":"completed","progress":1,"tiles":{"total":2,"completed":2},"at":"2026-01-02T03:04:06Z","result":{"matrix_id":"01a20a2b-e14e-7d87-8c0f-0d4f7a1f4f5c","rows":2000,"cols":2000,"dtype":"float64","href":"/v1/multiplications/01a20a2b-e14e-7d86-921d-a6528b55629e/result","bytes":32000000,"verified":true}}

`

package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

var (
	// errNoEvents reports that event streams do not work: the server has none, or a proxy holds the events back.
	errNoEvents = errors.New("no event stream")
	// errStreamEnded reports that a stream ended before the multiplication did, as it does when a server stops.
	errStreamEnded = errors.New("the event stream ended early")
)

// maxSilence is how long a stream may send nothing. Servers send something every 15 seconds.
const maxSilence = 45 * time.Second

// eventStream reads the events of one multiplication over as many connections as it takes.
type eventStream struct {
	client  *Client
	id      string
	onEvent func(Event)
	last    string // id of the last event
	final   bool   // the multiplication has reached a final state
}

// follow reads one stream to its end.
func (s *eventStream) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(maxSilence, func() { cancel(errNoEvents) })
	defer silence.Stop()
	params := &GetMultiplicationEventsParams{}
	if s.last != "" {
		params.LastEventID = &s.last
	}
	response, err := s.client.GetMultiplicationEvents(ctx, s.id, params, header("Accept", "text/event-stream"))
	if err := s.client.check(response, err); err != nil {
		return s.explain(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusNoContent { // the last event was the final one
		s.final = true
		return nil
	}
	err = s.read(response.Body, silence)
	if errors.Is(context.Cause(ctx), errNoEvents) {
		return errNoEvents
	}
	return err
}

// explain returns errNoEvents for the error of a stream whose multiplication can be read, else the error.
func (s *eventStream) explain(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errNoEvents) {
		return errNoEvents
	}
	var problem *Error
	if !errors.As(err, &problem) || s.client.transient(ctx, err) {
		return err
	}
	if _, err := s.client.Multiplication(ctx, s.id); err != nil {
		return err
	}
	return errNoEvents
}

// maxEvent limits the size of an event, in bytes. Millrace's are far shorter.
const maxEvent = 1 << 20

// read handles the events of one stream, parsed as in section 9.2.6 of the HTML standard.
func (s *eventStream) read(body io.Reader, silence *time.Timer) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEvent)
	var id, data string
	for lines.Scan() {
		silence.Reset(maxSilence)
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "id":
			id = value
		case name == "data":
			data += value
		case lines.Text() == "" && data != "":
			if err := s.handle(id, data); err != nil {
				return err
			}
			data = ""
		}
	}
	if s.final {
		return nil
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the event stream: %w", err)
	}
	return errStreamEnded
}

// handle decodes one event and passes it on.
func (s *eventStream) handle(id, data string) error {
	var e Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return permanentf("decoding an event: %w", err)
	}
	s.last = id
	s.final = MultiplicationState(e.State).Final()
	s.onEvent(e)
	return nil
}

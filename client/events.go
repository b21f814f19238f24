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
	// errNoEvents says that there is no stream of events: an old server, or a proxy that holds them back.
	errNoEvents = errors.New("there are no events")
	// errStreamEnded says that a stream has ended before the product, as it does when a server stops.
	errStreamEnded = errors.New("the stream of events ended")
)

// silence is how long a stream may bring nothing: servers send something every 15 seconds.
const silence = 45 * time.Second

// eventStream follows a product over as many streams of server-sent events as it takes.
type eventStream struct {
	client *Client
	id     string
	seen   func(Event)
	last   string // id of the last event
	ended  bool   // the product has
}

// follow reads one stream to its end.
func (s *eventStream) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(silence, func() { cancel(errNoEvents) })
	defer silent.Stop()
	params := &GetMultiplicationEventsParams{}
	if s.last != "" {
		params.LastEventID = &s.last
	}
	answer, err := s.client.GetMultiplicationEvents(ctx, s.id, params, header("Accept", "text/event-stream"))
	if err := s.client.check(answer, err); err != nil {
		return s.none(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusNoContent { // nothing comes after the last one
		s.ended = true
		return nil
	}
	err = s.read(answer.Body, silent)
	if errors.Is(context.Cause(ctx), errNoEvents) {
		return errNoEvents
	}
	return err
}

// none finds out whether it is the product or only the stream that is not there.
func (s *eventStream) none(ctx context.Context, err error) error {
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

// maxEvent is more than any event has, in bytes.
const maxEvent = 1 << 20

// read takes in the events of one stream, as the HTML standard says (9.2.6).
func (s *eventStream) read(body io.Reader, silent *time.Timer) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEvent)
	var id, data string
	for lines.Scan() {
		silent.Reset(silence)
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "id":
			id = value
		case name == "data":
			data += value
		case lines.Text() == "" && data != "":
			if err := s.take(id, data); err != nil {
				return err
			}
			data = ""
		}
	}
	if s.ended {
		return nil
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the stream of events broke: %w", err)
	}
	return errStreamEnded
}

// take notes one event.
func (s *eventStream) take(id, data string) error {
	var e Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return fmt.Errorf("%wan event that makes no sense: %w", errFinal, err)
	}
	s.last, s.ended = id, MultiplicationState(e.State).Final()
	s.seen(e)
	return nil
}

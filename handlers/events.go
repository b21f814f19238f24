package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/download"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

const (
	// heartbeat is how long a stream of events is silent at most. It is less than payload.StallTimeout and than the idle
	// timeouts of usual proxies.
	heartbeat = 15 * time.Second
	// reconnectAfter is how long clients are asked to wait before they reconnect after the end of a stream.
	reconnectAfter = time.Second
	// lifetime is how long a stream lasts at most, jittered to between nine tenths and all of it. Its client reconnects,
	// to whichever server the load balancer then chooses, and misses nothing.
	lifetime = time.Hour
)

// eventsInput is the request for a stream of events.
type eventsInput struct {
	IDParam
	Accept      string `header:"Accept" hidden:"true"`
	LastEventID string `header:"Last-Event-ID" doc:"The id of the last event that the client has received: the stream resumes after it, and after a number that there is not yet with the newest event. Browsers send it when they reconnect."`
	LastEvent   string `query:"last_event_id" doc:"Same as Last-Event-ID, for clients that cannot set the header"`
}

// after returns the number of the last event that the client has received, 0 for none.
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
		return 0, fmt.Errorf(
			"%w: the id of the last event must be a number from a stream of this multiplication, it is %.40q",
			payload.ErrBadRequest, text)
	}
	return n, nil
}

// getEvents handles GET /v1/multiplications/{id}/events.
func (a *API) getEvents(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	after, err := in.after()
	if err == nil && strings.TrimSpace(in.Accept) != "" && download.Quality(in.Accept, resource.MediaEvents) <= 0 {
		err = fmt.Errorf("%w: events are served as %s", download.ErrNotAccepted, resource.MediaEvents)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	release, err := a.held.Hold(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	sub, err := a.hub.Subscribe(ctx, owned(ctx, id), after)
	switch {
	case errors.Is(err, watch.ErrStopped):
		sub = nil // the stream ends at once: browsers do not reconnect after an error
	case err != nil:
		release()
		return nil, a.fail(ctx, err)
	case sub.Ended():
		release()
		sub.Close()
		return &huma.StreamResponse{Body: func(hc huma.Context) { hc.SetStatus(http.StatusNoContent) }}, nil
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer release()
		r, w := humago.Unwrap(hc)
		if sub != nil {
			defer sub.Close()
		}
		s := newEventStream(w)
		s.prefix = guard.Prefix(r.Header)
		if sub != nil && r.Method != http.MethodHead {
			ctx, stop := auth.Keep(r.Context(), a.heartbeat)
			defer stop()
			s.send(ctx, sub, a.heartbeat, a.lifetime-rand.N(a.lifetime/10)) //nolint:gosec // jitter is no secret
		}
	}}, nil
}

// eventStream writes server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     bytes.Buffer
	prefix  string // of paths
}

// newEventStream sends the head of a stream.
func newEventStream(w http.ResponseWriter) *eventStream {
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", resource.MediaEvents)
	w.Header().Set("X-Accel-Buffering", "no") // proxies must not hold events back
	w.WriteHeader(http.StatusOK)
	fmt.Fprintf(&s.buf, "retry: %d\n\n", reconnectAfter.Milliseconds())
	_ = s.flush() // if it fails, so does the next one
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

// send sends the events of a subscription until the multiplication has finished, the client is gone, its time is over,
// or this process stops: the client then resumes the stream on another one.
func (s *eventStream) send(ctx context.Context, sub *watch.Subscription, heartbeat, lifetime time.Duration) {
	for end := time.Now().Add(lifetime); time.Now().Before(end); {
		events, err := next(ctx, sub, min(heartbeat, max(0, time.Until(end))))
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			s.buf.WriteString(":\n\n")
		case err != nil:
			return
		}
		for _, e := range events {
			if err := s.write(e, sub.Multiplication); err != nil {
				return
			}
		}
		if err := s.flush(); err != nil {
			return
		}
	}
}

// next returns the next events, or context.DeadlineExceeded after a heartbeat without any.
func next(ctx context.Context, sub *watch.Subscription, heartbeat time.Duration) ([]watch.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	return sub.Next(ctx)
}

func (s *eventStream) write(e watch.Event, row store.Multiplication) error {
	data, err := json.Marshal(newEventBody(e, row))
	if err != nil {
		return err
	}
	kind := "progress"
	if e.StateChanged {
		kind = "state"
	}
	_, err = fmt.Fprintf(&s.buf, "id: %d\nevent: %s\ndata: %s\n\n", e.Number, kind,
		resource.Below(s.prefix, data))
	return err
}

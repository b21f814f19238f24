package handlers_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/watch"
)

// replica is another API on the same database.
func (b *testBundle) replica(t *testing.T) *testBundle {
	t.Helper()
	log := slog.New(slog.NewTextHandler(&logWriter{t}, &slog.HandlerOptions{Level: slog.LevelError}))
	other := &testBundle{
		store: b.store,
		jobs:  b.jobs,
		hub:   watch.NewHub(b.store, log),
	}
	other.hub.Start(t.Context())
	other.handler = handlers.New(other.store, other.jobs, other.hub, testLimits, handlers.Site{Version: "test"}, log)
	other.server = httptest.NewServer(other.handler)
	t.Cleanup(other.server.Close)
	t.Cleanup(other.hub.Stop)
	return other
}

// stream is an open stream of events.
type stream struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Scanner
}

// event is what a client sees of one.
type event struct {
	id   int64
	kind string
	data resource.MultiplicationEvent
}

// subscribe opens the stream of a multiplication.
func (b *testBundle) subscribe(t *testing.T, id string, headers ...string) *stream {
	t.Helper()
	address := b.server.URL + "/v1/multiplications/" + id + "/events"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %s, want %d", response.Status, http.StatusOK)
	}
	return &stream{
		t:        t,
		response: response,
		lines:    bufio.NewScanner(response.Body),
	}
}

// next reads one event; io.EOF when the stream has ended.
func (s *stream) next() (event, error) {
	s.t.Helper()
	var e event
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		var err error
		switch name {
		case "id":
			e.id, err = strconv.ParseInt(value, 10, 64)
		case "event":
			e.kind = value
		case "data":
			d := json.NewDecoder(strings.NewReader(value))
			d.DisallowUnknownFields()
			err = d.Decode(&e.data)
		case "":
			if e.kind != "" {
				return e, nil
			}
		case "retry", ":":
		default:
			err = fmt.Errorf("line %q", s.lines.Text())
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.lines.Err(); err != nil {
		return e, err
	}
	return e, io.EOF
}

// rest reads all events to the end of the stream.
func (s *stream) rest() []event {
	s.t.Helper()
	var events []event
	for {
		e, err := s.next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			s.t.Fatal(err)
		}
		events = append(events, e)
	}
}

// fourTiles is a submission with a result of four cheap tiles.
const fourTiles = `{"a": {"random": {"rows": 2600, "cols": 2}}, "b": {"random": {"rows": 2, "cols": 2100}}}`

// checkLife checks that events are the whole life of a multiplication of four tiles.
func checkLife(t *testing.T, id string, events []event) {
	t.Helper()
	if len(events) != 6 {
		t.Fatalf("%d events, want 6: %+v", len(events), events)
	}
	for i, e := range events {
		if e.id != int64(i+1) || e.data.ID != id || e.data.Tiles.Total != 4 || e.data.At.IsZero() {
			t.Errorf("event %d is %+v, want one of 4 tiles of multiplication %s", i+1, e, id)
		}
		if want := float64(e.data.Tiles.Completed) / 4; e.data.Progress != want {
			t.Errorf("progress %v, want %v", e.data.Progress, want)
		}
		if last := i == 5; last != (e.data.Result != nil) {
			t.Errorf("the result in event %d is %+v, want one: %t", i+1, e.data.Result, last)
		}
	}
	for i, want := range []string{
		"state pending 0", "state in_progress 0",
		"progress in_progress 1", "progress in_progress 2", "progress in_progress 3",
		"state completed 4",
	} {
		e := events[i]
		if got := fmt.Sprint(e.kind, " ", e.data.State, " ", e.data.Tiles.Completed); got != want {
			t.Errorf("event %d is %q, want %q", i+1, got, want)
		}
	}
	if got, want := events[5].data.Result.Href, "/v1/multiplications/"+id+"/result"; got != want {
		t.Errorf("the result is at %s, want %s", got, want)
	}
}

// TestEventsOnTwoReplicas: a client that reconnects to another replica sees each event once.
func TestEventsOnTwoReplicas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.replica(t)
	id := b.submit(t, fourTiles).ID
	first := b.subscribe(t, id)
	if kind := first.response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("Content-Type %q, want %q", kind, "text/event-stream")
	}
	if h := first.response.Header; h.Get("Cache-Control") != "no-store" || h.Get("X-Accel-Buffering") != "no" {
		t.Errorf("headers %v, want no cache and no buffering", h)
	}
	var events []event
	for len(events) < 3 {
		e, err := first.next()
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	_ = first.response.Body.Close()
	second := other.subscribe(t, id, "Last-Event-ID", "3")
	checkLife(t, id, append(events, second.rest()...))
	// A client that subscribes after the end, to either replica, sees the same.
	for _, replica := range []*testBundle{b, other} {
		checkLife(t, id, replica.subscribe(t, id).rest())
		for last := range 6 {
			events := replica.subscribe(t, id, "Last-Event-ID", strconv.Itoa(last)).rest()
			if len(events) != 6-last || events[0].id != int64(last+1) {
				t.Errorf("after event %d: %+v, want the %d others", last, events, 6-last)
			}
		}
	}
	eventually(t, func() bool { return b.hub.Watched()+other.hub.Watched() == 0 })
}

// TestEventsAreLive: an event is sent when it happens, not at the end.
func TestEventsAreLive(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	id := b.submit(t, twoByTwo).ID
	s := b.subscribe(t, id)
	for i, step := range []struct {
		path  string
		state string
	}{{"", "pending"}, {"/cancel", "cancelled"}} {
		if step.path != "" {
			b.do(t, http.MethodPost, "/v1/multiplications/"+id+step.path, nil).want(t, http.StatusOK)
		}
		if e, err := s.next(); err != nil || e.data.State != step.state || e.id != int64(i+1) || e.kind != "state" {
			t.Fatalf("next() = %+v, %v, want state %s", e, err, step.state)
		}
	}
	if rest := s.rest(); len(rest) > 0 {
		t.Errorf("after the end: %+v, want no events", rest)
	}
	b.do(t, http.MethodPost, "/v1/multiplications/"+id+"/retry", nil).want(t, http.StatusOK)
	s = b.subscribe(t, id, "Last-Event-ID", "2") // the stream of a retried one goes on
	if e, err := s.next(); err != nil || e.data.State != "pending" || e.id != 3 {
		t.Fatalf("next() = %+v, %v, want event 3, pending", e, err)
	}
	b.exec(t, "DELETE FROM multiplications WHERE id = $1", id)
	if rest := s.rest(); len(rest) > 0 {
		t.Errorf("after the deletion: %+v, want no events", rest)
	}
}

func TestEventsRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(t, twoByTwo).ID
	b.complete(t, id)
	path := "/v1/multiplications/" + id + "/events"
	for _, last := range []string{"x", "-1", "1.5", "99999999999999999999", "1 2", "+1x"} {
		b.get(t, path, "Last-Event-ID", last).want(t, http.StatusBadRequest)
	}
	b.get(t, path+"?last_event_id=x").want(t, http.StatusBadRequest)
	b.get(t, path, "Accept", "application/json").want(t, http.StatusNotAcceptable)
	b.get(t, path, "Accept", "text/event-stream;q=0").want(t, http.StatusNotAcceptable)
	for _, accept := range []string{
		"text/event-stream", "text/*", "*/*", "", "application/json, text/event-stream;q=0.1",
	} {
		if a := b.get(t, path, "Accept", accept).want(t, http.StatusOK); !bytes.HasPrefix(a.body, []byte("retry: ")) {
			t.Errorf("Accept %q: got %s, want a stream", accept, a.body)
		}
	}
	for _, unknown := range []string{uuid.NewString(), "x", "%00"} {
		b.get(t, "/v1/multiplications/"+unknown+"/events").want(t, http.StatusNotFound)
	}
	b.do(t, http.MethodPost, path, nil).want(t, http.StatusMethodNotAllowed)
	// A client that has the last event must not reconnect.
	b.get(t, path, "Last-Event-ID", "2").want(t, http.StatusNoContent)
	b.get(t, path+"?last_event_id=2").want(t, http.StatusNoContent)
	// One that has seen something else does not stay without it.
	for _, last := range []string{"3", "1000"} {
		events := b.subscribe(t, id, "Last-Event-ID", last).rest()
		if len(events) != 1 || events[0].id != 2 || events[0].data.State != "completed" {
			t.Errorf("after event %s: %+v, want the last event", last, events)
		}
	}
	b.get(t, path+"?last_event_id=2", "Last-Event-ID", "1").want(t, http.StatusOK) // the header is the newer one
	b.do(t, http.MethodHead, path, nil).want(t, http.StatusOK)
	eventually(t, func() bool { return b.hub.Watched() == 0 })
}

// TestEventsUntilStopped: a server that stops ends its streams, so that clients reconnect.
func TestEventsUntilStopped(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	id := b.submit(t, twoByTwo).ID
	s := b.subscribe(t, id)
	if _, err := s.next(); err != nil {
		t.Fatal(err)
	}
	b.hub.Stop()
	if rest := s.rest(); len(rest) > 0 {
		t.Errorf("after the stop: %+v, want no events", rest)
	}
	if rest := b.subscribe(t, id).rest(); len(rest) > 0 {
		t.Errorf("a stream that begins after the stop: %+v, want no events", rest)
	}
}

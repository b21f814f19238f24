package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Event is one change of a multiplication.
type Event = MultiplicationEvent

// Wait returns a multiplication once its state is final. It calls onEvent for each change, which it reads from an
// event stream; a stream that breaks is resumed after the last event. Where streams do not work, as behind a proxy
// that buffers them, Wait polls.
func (c *Client) Wait(ctx context.Context, id string, onEvent func(Event)) (Multiplication, error) {
	s := &eventStream{
		client:  c,
		id:      id,
		onEvent: onEvent,
	}
	for failed := 0; !s.final; {
		before := s.last
		err := s.follow(ctx)
		if failed++; s.last != before {
			failed = 1 // the stream made progress
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, errNoEvents):
			return c.poll(ctx, id, onEvent)
		case failed > c.Retries || !c.transient(ctx, err):
			return Multiplication{}, err
		}
		if err := c.pause(ctx, failed-1, err); err != nil {
			return Multiplication{}, err
		}
	}
	return c.Multiplication(ctx, id)
}

// Await returns a multiplication once its state is final, like Wait, but without events: it sends long polls of one
// minute.
func (c *Client) Await(ctx context.Context, id string) (Multiplication, error) {
	wait := &GetMultiplicationParams{Prefer: new("wait=60")}
	for {
		m, err := call[Multiplication](ctx, c, func() (*http.Response, error) { return c.GetMultiplication(ctx, id, wait) })
		if err != nil || m.State.Final() {
			return m, err
		}
	}
}

// pollInterval is the least time between two polls.
const pollInterval = 200 * time.Millisecond

// poll requests the state of a multiplication until it is final. Each poll waits at most a second for the state to
// become final, so that a progress bar keeps moving.
func (c *Client) poll(ctx context.Context, id string, onEvent func(Event)) (Multiplication, error) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	wait := &GetMultiplicationParams{Prefer: new("wait=1")}
	for {
		m, err := call[Multiplication](ctx, c, func() (*http.Response, error) { return c.GetMultiplication(ctx, id, wait) })
		if err != nil {
			return m, err
		}
		onEvent(eventOf(m))
		if m.State.Final() {
			return m, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return m, ctx.Err()
		}
	}
}

// eventOf returns the event that reports the present state of a multiplication.
func eventOf(m Multiplication) Event {
	return Event{
		ID:       m.ID,
		State:    MultiplicationEventState(m.State),
		Progress: m.Progress,
		At:       time.Now(),
		Failure:  m.Failure,
		Result:   m.Result,
		Tiles:    EventTileCounts{Total: m.Tiles.Total, Completed: m.Tiles.Completed},
	}
}

package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Event is one change of a product.
type Event = MultiplicationEvent

// Wait returns when a product has ended, however it has. It calls seen with each change on the way, which it learns from a
// stream of events; a stream that breaks is taken up again where it broke. Where there is none, it asks time and again.
func (c *Client) Wait(ctx context.Context, id string, seen func(Event)) (Multiplication, error) {
	s := &eventStream{client: c, id: id, seen: seen}
	for failed := 0; !s.ended; {
		before := s.last
		err := s.follow(ctx)
		if failed++; s.last != before {
			failed = 1 // it comes on
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, errNoEvents):
			return c.poll(ctx, id, seen)
		case failed > c.Retries || !c.transient(ctx, err):
			return Multiplication{}, err
		}
		if err := c.pause(ctx, failed-1, err); err != nil {
			return Multiplication{}, err
		}
	}
	return c.Multiplication(ctx, id)
}

// Await returns a product when it has ended, as Wait does, for those who do not care how far it is: the server answers when
// there is something to say.
func (c *Client) Await(ctx context.Context, id string) (Multiplication, error) {
	wait := &GetMultiplicationParams{Prefer: new("wait=60")}
	for {
		m, err := call[Multiplication](ctx, c, func() (*http.Response, error) { return c.GetMultiplication(ctx, id, wait) })
		if err != nil || m.State.Final() {
			return m, err
		}
	}
}

// pollInterval is the least time between two looks at a product.
const pollInterval = 200 * time.Millisecond

// poll asks for the state of a product until that is final. Servers that know how to wait answer when there is something
// to say, but within a second: people look at a bar.
func (c *Client) poll(ctx context.Context, id string, seen func(Event)) (Multiplication, error) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	wait := &GetMultiplicationParams{Prefer: new("wait=1")}
	for {
		m, err := call[Multiplication](ctx, c, func() (*http.Response, error) { return c.GetMultiplication(ctx, id, wait) })
		if err != nil {
			return m, err
		}
		seen(Event{
			ID: m.ID, State: MultiplicationEventState(m.State), Progress: m.Progress, At: time.Now(), Failure: m.Failure, Result: m.Result,
			Tiles: EventTileCounts{Total: m.Tiles.Total, Completed: m.Tiles.Completed},
		})
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

package guard

import (
	"context"
	"errors"
)

// The errors of a request that is not held open.
var (
	ErrWaiting       = errors.New("too many event streams and waits are open, try again later")
	ErrClientWaiting = errors.New("this client has too many event streams and waits open, try again when one has ended")
)

// Held bounds the requests that are held open: event streams, and those that wait. A nil Held bounds nothing.
type Held struct {
	cap      *Cap
	refusals *Refusals
}

// NewHeld returns a Held of a number of requests, 0 for any.
func NewHeld(limit int, refusals *Refusals) *Held {
	return &Held{cap: NewCap(limit, Waiting, ClientWaiting), refusals: refusals}
}

// Hold takes a place for a request of the client that is in the context, and returns the function that gives it back.
// Errors: ErrWaiting, ErrClientWaiting.
func (h *Held) Hold(ctx context.Context) (release func(), err error) {
	if h == nil {
		return func() {}, nil
	}
	client := ClientOf(ctx)
	release, refused := h.cap.Take(client)
	switch refused {
	case "":
		return release, nil
	case ClientWaiting:
		err = ErrClientWaiting
	default:
		err = ErrWaiting
	}
	h.refusals.Note(ctx, refused, "client", client)
	return nil, err
}

package ledger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	"github.com/google/uuid"
)

// accepted submits something under a key of its own until it is accepted, and returns the response. If the load repeats
// requests, some are sent twice at the same time, or again afterwards; identity says what must then be the same.
func (l *load) accepted(
	ctx context.Context, path, media, prefer string, body []byte, identity func(response []byte) (string, error),
) (response []byte, err error) {
	key := uuid.NewString()
	send := func() (text []byte, id string, err error) {
		err = l.insist(ctx, http.MethodPost, path, media, body, &text, "Prefer", prefer, "Idempotency-Key", key)
		if err == nil {
			id, err = identity(text)
		}
		return text, id, err
	}
	const often = 8 // one of so many is sent again, and as many at once
	choice := rand.IntN(often)
	var other string
	var otherErr error
	var beside sync.WaitGroup
	if l.repeats && choice == 0 {
		beside.Go(func() { _, other, otherErr = send() })
	}
	response, id, err := send()
	if l.repeats && choice == 1 && err == nil {
		_, other, otherErr = send()
	}
	beside.Wait()
	switch {
	case err != nil:
		return nil, err
	case otherErr != nil:
		return nil, fmt.Errorf("repeating a request: %w", otherErr)
	case other != "" && other != id:
		return nil, fmt.Errorf("accepted %w under one key: %s and %s", errTwice, id, other)
	}
	return response, nil
}

// idOf returns the id in the response to a submission.
func idOf(response []byte) (string, error) {
	var m multiplication
	err := json.Unmarshal(response, &m)
	return m.ID, err
}

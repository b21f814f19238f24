package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// regret cancels a multiplication and retries it.
func (l *load) regret(ctx context.Context, path string) error {
	err := l.insist(ctx, http.MethodPost, path+"/cancel", "", nil, nil)
	if errors.Is(err, errConflict) {
		return nil // it was faster
	}
	if err != nil {
		return err
	}
	if m, err := l.await(ctx, path); err != nil || m.State == "completed" {
		return err
	}
	for {
		err := l.insist(ctx, http.MethodPost, path+"/retry", "", nil, nil)
		if !errors.Is(err, errConflict) || ctx.Err() != nil {
			return err
		}
		pause(ctx, 50*time.Millisecond) // its tiles are about to stop
	}
}

// abandon cancels a multiplication, and wants it to stay cancelled.
func (l *load) abandon(ctx context.Context, id, path string) error {
	err := l.insist(ctx, http.MethodPost, path+"/cancel", "", nil, nil)
	conflict := errors.Is(err, errConflict)
	if err != nil && !conflict {
		return err
	}
	m, err := l.await(ctx, path)
	if err != nil {
		return err
	}
	l.book.finish(id, m)
	if !conflict && m.State != "cancelled" {
		return fmt.Errorf("%s after it was cancelled", m.State)
	}
	return nil
}

// erase deletes a multiplication, and wants it to be gone.
func (l *load) erase(ctx context.Context, id, path string) error {
	err := l.insist(ctx, http.MethodDelete, path, "", nil, nil)
	if err != nil && !errors.Is(err, errMissing) { // the response to the first deletion may have been lost
		return err
	}
	l.book.delete(id)
	if err := l.insist(ctx, http.MethodGet, path, "", nil, nil); !errors.Is(err, errMissing) && ctx.Err() == nil {
		return fmt.Errorf("%w after it was deleted, want a 404", err)
	}
	return nil
}

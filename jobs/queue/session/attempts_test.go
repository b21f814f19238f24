package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
)

// TestJobComesBack: an attempt is interrupted when its job, which was taken from this process, begins here again.
func TestJobComesBack(t *testing.T) {
	a := NewAttempts(nil, "")
	began := time.Now()
	job := func(n int) *rivertype.JobRow {
		at := began.Add(time.Duration(n) * time.Second)
		return &rivertype.JobRow{ID: 1, AttemptedAt: &at}
	}
	working := make(chan struct{})
	cause := make(chan error, 1)
	go func() {
		_ = a.Work(t.Context(), job(0), func(ctx context.Context) error {
			close(working)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return ctx.Err()
		})
	}()
	<-working
	err := a.Work(t.Context(), job(1), func(ctx context.Context) error {
		if got := <-cause; !errors.Is(got, ErrTaken) {
			t.Errorf("the former attempt was interrupted by %v, want %v", got, ErrTaken)
		}
		return ctx.Err()
	})
	if err != nil {
		t.Errorf("the new attempt: %v, want no interruption", err)
	}
}

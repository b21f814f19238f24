package backoff

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	for attempt, whole := range map[int]time.Duration{
		0:    time.Second,
		1:    time.Second,
		2:    2 * time.Second,
		5:    16 * time.Second,
		9:    256 * time.Second,
		10:   5 * time.Minute,
		64:   5 * time.Minute,
		1000: 5 * time.Minute,
	} {
		if got := backoff(attempt, 0); got != whole/2 {
			t.Errorf("backoff(%d, 0) = %s, want %s", attempt, got, whole/2)
		}
		if got := backoff(attempt, 1); got != whole {
			t.Errorf("backoff(%d, 1) = %s, want %s", attempt, got, whole)
		}
	}
}

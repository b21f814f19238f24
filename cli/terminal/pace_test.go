package terminal

import (
	"testing"
	"time"
)

// TestPace: the rate is that of the last steps, and counts from the start of the work, not from the first look.
func TestPace(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	late := NewPace(start)
	if got, ok := late.Left(at(60), 10, 40); !ok || got != 3*time.Minute {
		t.Errorf("10 of 40 after a minute: Left() = %s, %t, want 3m", got, ok)
	}
	slower := NewPace(start)
	if got, ok := slower.Left(at(5), 0, 100); ok {
		t.Errorf("nothing is done: Left() = %s, want none", got)
	}
	for i := range 20 { // one a second, then one in ten
		slower.Left(at(i), int64(i), 100)
	}
	for i := range 10 {
		slower.Left(at(20+10*i), int64(20+i), 100)
	}
	if got, _ := slower.Left(at(115), 29, 100); got != 705*time.Second {
		t.Errorf("29 of 100, one in ten seconds, five seconds ago: Left() = %s, want 11m45s", got)
	}
}

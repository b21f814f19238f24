package sleep

import (
	"testing"
	"time"
)

func TestSleep(t *testing.T) {
	time.Sleep(time.Second)

	time.Sleep(time.Second) // the lease runs out

	// Longer than the soft stop.
	time.Sleep(time.Second)
	for done := false; !done; time.Sleep(time.Millisecond) {
		done = true
	}
}

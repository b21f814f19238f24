package terminal

import (
	"strings"
	"testing"
	"time"
)

// TestBarWithoutTerminal: elsewhere than on a terminal a bar is a line now and then, and one at the end.
func TestBarWithoutTerminal(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	bar := NewBar(&out, "upload A", 200, Bytes)
	bar.Set(10)
	if got := out.String(); got != "" {
		t.Errorf("after Set(10) the output is %q, want nothing yet", got)
	}
	bar.shown = time.Now().Add(-lineInterval)
	bar.SetOf(25, 100)
	_, _ = bar.Write(make([]byte, 25))
	bar.Finish("done")
	if got, want := out.String(), "upload A    25 %\nupload A   done\n"; got != want {
		t.Errorf("the output is %q, want %q", got, want)
	}
	if bar.done != 50 {
		t.Errorf("done = %d, want 50", bar.done)
	}
}

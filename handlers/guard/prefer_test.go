package guard

import (
	"testing"
	"time"
)

func TestWaitPreference(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"wait=10":                              10 * time.Second,
		"Wait=10":                              10 * time.Second,
		" wait = 10 ":                          10 * time.Second,
		`wait="7"`:                             7 * time.Second,
		"respond-async, wait=5":                5 * time.Second,
		"wait=5, respond-async":                5 * time.Second,
		"wait=5;foo=bar, x":                    5 * time.Second,
		"wait=0":                               0,
		"wait=60":                              maxWait,
		"wait=3600":                            maxWait,
		"wait=99999999999999999999999":         maxWait,
		"wait=5, wait=9":                       5 * time.Second, // the first one counts
		`note="a, wait=9; \", wait=8", wait=3`: 3 * time.Second,
		`note="wait=9", wait=3`:                3 * time.Second,
		"a=;b, ,, wait=2":                      2 * time.Second,
	} {
		if got, ok := WaitPreference(header); !ok || got != want {
			t.Errorf("WaitPreference(%q) = %s, %t, want %s", header, got, ok, want)
		}
	}
	for _, header := range []string{
		"", "respond-async", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5", "wait=+5", "wait=5s", "wait=0x5", "waits=5",
		`wait="`,
		`x="wait=5`, ";wait=5", "wait;wait=5", "return=minimal; wait=5", "wait=\"5", ",", "=", "\x00", "wait=x, wait=5",
	} {
		if got, ok := WaitPreference(header); ok {
			t.Errorf("WaitPreference(%q) = %s, want none", header, got)
		}
	}
}

func FuzzWaitPreference(f *testing.F) {
	f.Add(`a="b\", c"; d, wait=5`)
	f.Fuzz(func(t *testing.T, header string) {
		if got, _ := WaitPreference(header); got < 0 || got > maxWait {
			t.Errorf("WaitPreference(%q) = %s, want 0 to %s", header, got, maxWait)
		}
	})
}

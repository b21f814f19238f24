package terminal

import (
	"io"
	"os"
	"strings"
)

// colors are the SGR parameters of states.
var colors = map[string]string{
	"pending":     "33",
	"in_progress": "36",
	"completed":   "32",
	"failed":      "31",
	"cancelled":   "35",
}

// colored reports whether text for w may have colors: on a terminal that has some, unless NO_COLOR is set
// (no-color.org).
func colored(w io.Writer) bool {
	return Is(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// PaintStates gives the states in the rows of a table their colors, if w shows colors. The columns stay as wide.
func PaintStates(w io.Writer, text string) string {
	if !colored(w) {
		return text
	}
	return paintStates(text)
}

func paintStates(text string) string {
	var painted strings.Builder
	for line := range strings.Lines(text) {
		for state, color := range colors {
			if before, after, found := strings.Cut(line, "  "+state+" "); found {
				line = before + "  \x1b[" + color + "m" + state + "\x1b[0m " + after
				break
			}
		}
		painted.WriteString(line)
	}
	return painted.String()
}

// Clear returns what clears the screen of w, or nothing if it is no terminal.
func Clear(w io.Writer) string {
	if !Is(w) {
		return ""
	}
	return "\x1b[H\x1b[2J\x1b[3J"
}

package download

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/matrix"
)

// slices are slices of sequences of 0, 1, 2, 3 and 10 elements.
func slices() map[string]int64 {
	all := map[string]int64{}
	indexes := []string{
		"", "0", "-0", "00", "1", "2", "3", "4", "11", "-1", "-2", "-3", "-10", "-11", "9223372036854775807",
		"-9223372036854775808", "99999999999999999999", "-99999999999999999999",
	}
	for _, size := range []int64{0, 1, 2, 3, 10} {
		for _, from := range indexes {
			for _, to := range indexes {
				all[fmt.Sprintf("%d %s:%s", size, from, to)] = size
			}
		}
	}
	return all
}

// TestSlices compares windows with Python's slices, those of NumPy.
func TestSlices(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no Python")
	}
	const program = `
import sys
for line in sys.stdin:
    size, text = line.split(" ")
    first, end = [int(n) if n.strip() else None for n in text.split(":")]
    some = range(int(size))[slice(first, end)]
    print(line.strip(), some[0] if some else 0, len(some))
`
	var lines strings.Builder
	for line := range slices() {
		fmt.Fprintln(&lines, line)
	}
	command := exec.CommandContext(t.Context(), python, "-c", program)
	command.Stdin = strings.NewReader(lines.String())
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		var size, first, length int64
		var text string
		if _, err := fmt.Sscan(line, &size, &text, &first, &length); err != nil {
			t.Fatal(err)
		}
		seen++
		gotFirst, got, err := parseSlice("rows", text, size)
		if err != nil || got != length || got > 0 && gotFirst != first || gotFirst < 0 || gotFirst+got > size {
			t.Errorf("%s of %d: %d elements from %d, %v, want %d from %d", text, size, got, gotFirst, err, length, first)
		}
	}
	if seen != len(slices()) {
		t.Errorf("%d slices, want %d", seen, len(slices()))
	}
}

func TestNoSlices(t *testing.T) {
	t.Parallel()
	shape := matrix.Shape{
		Rows:  3,
		Cols:  3,
		DType: matrix.Float64,
	}
	for _, text := range []string{"1", "1:2:3", "a:b", "1.5:2", " 1:2", "1: 2", "--1:", "-:", "1,2", "1e0:2"} {
		if _, err := (Window{Rows: text}).Rect(shape); !errors.Is(err, payload.ErrInvalid) || !strings.Contains(err.Error(), "rows=") {
			t.Errorf("%q: %v, want ErrInvalid that names rows", text, err)
		}
	}
}

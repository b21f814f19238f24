package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/load"
)

// testLoad: load works with each kind of operands, with a rate and without.
func (b *clientBundle) testLoad(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "load.svg")
	for _, args := range [][]string{
		{"--operands=json", "--size=3", "--count=20", "--concurrency=4"},
		{"--operands=json", "--size=2x300x4", "--count=5", "--rate=50", "--plot=" + plot},
		{"--operands=npy", "--size=30x400x50", "--count=6", "--concurrency=2"},
		{"--operands=stored", "--size=20x10x1", "--count=6", "--rate=100"},
		{"--operands=random", "--size=700", "--count=3"},
	} {
		stdout, _ := b.ok(t, append([]string{"load", "--json"}, args...)...)
		r := decodeJSON[load.Report](t, stdout)
		if r.Completed == 0 || r.Completed != r.Requests || r.Accepted != r.Requests ||
			r.Complete.P50 <= 0 || r.Complete.P50 < r.Accept.P50 {
			t.Errorf("load %v: %+v, want all requests accepted and completed, with their times", args, r)
		}
	}
	if image, err := os.ReadFile(plot); err != nil || !strings.Contains(string(image), "<svg") {
		t.Errorf("the plot is %.100q, %v, want an SVG", image, err)
	}
	stdout, _ := b.ok(t, "load", "--duration=200ms", "--concurrency=2")
	wantTexts(t, stdout, "to completed", "p50", "p99")
	term := startInTerminal(t, b.env, "load", "--rate=2", "--count=3") // which takes two lines of the progress
	_ = term.cmd.Wait()
	<-term.done
	wantTexts(t, term.screen.String(), " s of 3 multiplications: ", "/s, 0 failed", "\r\x1b[K", "to completed")
}

// testLoadRefused: load fails if multiplications do not complete, and says why; mistakes in the flags have their exit
// code.
func (b *clientBundle) testLoadRefused(t *testing.T) {
	stdout, stderr, code := run(t, b.env, "load", "--operands=random", "--size=9000000x1x9000000", "--count=3")
	if code != 1 || !strings.Contains(stdout, "413") || !strings.Contains(stderr, "3 of 3") {
		t.Errorf("code %d, %q, %q, want 1, 413 and 3 of 3", code, stdout, stderr)
	}
	for _, args := range [][]string{
		{"--rate=-1"}, {"--rate=NaN"}, {"--concurrency=-1"}, {"--concurrency=100000"}, {"--count=-1"}, {"--duration=0s"}, {"--duration=9999h"},
		{"--size=0"}, {"--size=2x2"}, {"--size=x"}, {"--size=99999999999"}, {"--operands=x"}, {"--priority=0"}, {"--timeout=0s"}, {"--plot=load.png"},
		{"--size=5000"}, {"--size=100000", "--operands=npy"},
	} {
		flag, _, _ := strings.Cut(args[0], "=")
		_, stderr, code := run(t, b.env, append([]string{"load"}, args...)...)
		if code != 2 || !strings.Contains(stderr, flag) && !strings.Contains(stderr, "--operands") {
			t.Errorf("load %v: code %d, %q, want 2 and the flag", args, code, stderr)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// buildTime bounds one build.
	buildTime = 5 * time.Minute

	// spareTime is what tests get besides the time that they took before: the machine may be busy.
	spareTime = 15 * time.Second

	// quickTests is how many tests run first. Most mutants are noticed by any.
	quickTests = 8

	// furtherTime is what the tests of a further package may take for one mutant, the quickest of those that execute it.
	furtherTime = 30 * time.Second
)

// lab tries mutants.
type lab struct {
	dir      string // for temporary files
	root     string
	module   string
	covered  []string // the folders with mutants
	parallel int
	accepted map[string]string
	env      []string
	suites   map[string]*suite // what is prepared, by its folder
	mu       sync.Mutex
	out      io.Writer
}

// outcome is what has become of a mutant.
type outcome int

const (
	killed    outcome = iota // a test failed
	timedOut                 // the tests did not end
	excused                  // lived, and that is accepted
	lived                    // all tests passed
	uncovered                // no test executes the place
	invalid                  // does not compile
	outcomes
)

// tally counts outcomes.
type tally [outcomes]int

func (t tally) tried() int { return t[killed] + t[timedOut] + t[excused] + t[lived] + t[uncovered] }

func (t tally) String() string {
	rate := 100 * float64(t[killed]+t[timedOut]) / float64(max(t.tried(), 1))
	return fmt.Sprintf("%.1f %% killed: %d by a failure, %d by their time; %d lived (%d of them accepted), "+
		"%d not executed, %d more not valid",
		rate, t[killed], t[timedOut], t[lived]+t[excused], t[excused], t[uncovered], t[invalid])
}

// try tries mutants, several at once.
func (l *lab) try(ctx context.Context, q *queue, suites []*suite) (tally, error) {
	var sum tally
	var wg sync.WaitGroup
	failures := make([]error, l.parallel)
	for i := range l.parallel {
		wg.Go(func() {
			dir := filepath.Join(l.dir, fmt.Sprint(i))
			for m := q.next(); m != nil; m = q.next() {
				o, err := l.tryOne(ctx, dir, m, suites)
				if failures[i] = err; err != nil {
					return
				}
				if o == invalid {
					q.again()
				}
				l.report(m, o, &sum)
			}
		})
	}
	wg.Wait()
	return sum, errors.Join(failures...)
}

func (l *lab) report(m *mutant, o outcome, sum *tally) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reason, accepted := l.accepted[m.key()]
	switch {
	case o == killed && accepted:
		fmt.Fprintf(l.out, "%s\nis killed, although it is accepted: %s\n\n", m.key(), reason)
	case (o == lived || o == uncovered) && accepted:
		o = excused
	case o == lived || o == uncovered:
		why := "lived"
		if o == uncovered {
			why = "is not executed by any test"
		}
		fmt.Fprintf(l.out, "%s\n%s: line %d, in %s\n\n", m.key(), why, m.line, m.function)
	}
	sum[o]++
}

// tryOne changes the code and runs the tests that execute the place, one package after the other, until one fails.
func (l *lab) tryOne(ctx context.Context, dir string, m *mutant, suites []*suite) (outcome, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	changed := filepath.Join(dir, "changed.go")
	overlay := filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(l.root, m.file): changed}})
	if err != nil {
		return 0, err
	}
	if err := errors.Join(os.WriteFile(changed, m.text, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return 0, err
	}
	o := uncovered
	for i, s := range suites {
		tests := s.covering(m)
		if i > 0 {
			tests = within(tests, furtherTime)
		}
		if len(tests) == 0 {
			continue
		}
		if o, err = l.trySuite(ctx, dir, s.folder, tests); o != lived || err != nil {
			return o, err
		}
	}
	return o, nil
}

// within returns the tests that take so long together, at least one.
func within(tests []*test, limit time.Duration) []*test {
	for i, t := range tests {
		if limit -= t.Took; limit < 0 {
			return tests[:max(i, 1)]
		}
	}
	return tests
}

// trySuite builds the tests of a package with a mutant and runs some of them.
func (l *lab) trySuite(ctx context.Context, dir, folder string, tests []*test) (outcome, error) {
	binary := filepath.Join(dir, "mutant.test")
	if err := l.build(ctx, folder, binary, "-ldflags=-s -w", "-overlay", filepath.Join(dir, "overlay.json")); err != nil {
		return invalid, ctx.Err()
	}
	for _, some := range [][]*test{tests[:min(quickTests, len(tests))], tests[min(quickTests, len(tests)):]} {
		if len(some) == 0 {
			break
		}
		if o, err := l.runTests(ctx, folder, binary, some); o != lived || err != nil {
			return o, err
		}
	}
	return lived, nil
}

// runTests runs some tests of a binary until one fails.
func (l *lab) runTests(ctx context.Context, folder, binary string, tests []*test) (outcome, error) {
	limit := spareTime
	names := make([]string, len(tests))
	for i, t := range tests {
		limit += t.Took
		names[i] = t.Name
	}
	ctx, cancel := context.WithTimeout(ctx, limit+spareTime)
	defer cancel()
	output, err := l.exec(ctx, folder, binary, "-test.failfast", "-test.timeout", limit.String(),
		"-test.run", "^("+strings.Join(names, "|")+")$")
	switch {
	case err == nil:
		return lived, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return 0, ctx.Err()
	case ctx.Err() != nil || bytes.Contains(output, []byte("panic: test timed out after")):
		return timedOut, nil
	}
	return killed, nil
}

// exec runs a test binary as go test does, with bounded memory: a mutant may append without an end. Its children end
// with it.
func (l *lab) exec(ctx context.Context, folder, binary string, args ...string) ([]byte, error) {
	args = append([]string{"-c", `ulimit -d 6000000; exec "$0" "$@"`, binary}, args...)
	cmd := exec.CommandContext(ctx, "sh", args...)
	cmd.Dir = filepath.Join(l.root, folder)
	cmd.Env = append(os.Environ(), l.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = spareTime
	return cmd.CombinedOutput()
}

// build builds the tests of a package.
func (l *lab) build(ctx context.Context, folder, binary string, flags ...string) error {
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	args := slices.Concat([]string{"test", "-c", "-vet=off", "-trimpath", "-o", binary}, flags)
	args = append(args, "./"+folder)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = l.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "PWD="+l.root)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return nil
}

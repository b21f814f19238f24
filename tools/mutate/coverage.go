package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// test is one test, and what it executes.
type test struct {
	Name   string
	Took   time.Duration
	Blocks []block
}

// block is a line of a profile.
type block struct {
	File      string // relative to the root, with slashes
	FirstLine int
	FirstCol  int
	LastLine  int
	LastCol   int
	Executed  bool
}

// contains reports whether the place of a mutant is in the block.
func (b block) contains(m *mutant) bool {
	after := m.line > b.FirstLine || m.line == b.FirstLine && m.column >= b.FirstCol
	before := m.line < b.LastLine || m.line == b.LastLine && m.column < b.LastCol
	return b.File == m.file && after && before
}

func (t *test) knows(m *mutant) bool {
	for _, b := range t.Blocks {
		if b.contains(m) {
			return true
		}
	}
	return false
}

func (t *test) covers(m *mutant) bool {
	for _, b := range t.Blocks {
		if b.Executed && b.contains(m) {
			return true
		}
	}
	return false
}

func (t *test) coversLines(file string, first, last int) bool {
	for _, b := range t.Blocks {
		if b.Executed && b.File == file && b.FirstLine >= first && b.LastLine <= last {
			return true
		}
	}
	return false
}

// prepare finds out what each test executes. That is kept until the tests or the package
// change, also when it is stopped.
func (l *lab) prepare(ctx context.Context) error {
	binary := filepath.Join(l.dir, "covered.test")
	if err := l.build(ctx, binary, "-cover", "-coverpkg=./"+l.folder); err != nil {
		return err
	}
	text, err := os.ReadFile(binary) //#nosec G304 -- just built
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	cache = filepath.Join(cache, "millrace-mutate", fmt.Sprintf("%x.json", sha256.Sum256(text)))
	known, err := os.ReadFile(cache) //#nosec G304 G703 -- written below
	if err == nil {
		err = json.Unmarshal(known, &l.tests)
	}
	if err != nil {
		l.tests = nil
	}
	output, err := l.exec(ctx, binary, "-test.list", "^(Test|Fuzz)")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	var names []string
	for name := range strings.FieldsSeq(string(output)) {
		done := slices.ContainsFunc(l.tests, func(t *test) bool { return t.Name == name })
		if !done && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")) {
			names = append(names, name)
		}
	}
	stopped := l.profileAll(ctx, binary, names)
	if text, err = json.Marshal(l.tests); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(cache), 0o700); err != nil { //#nosec G703 -- as above
		return err
	}
	return errors.Join(stopped, os.WriteFile(cache, text, 0o600)) //#nosec G703 -- as above
}

// profileAll runs each test alone. Those that fail without a change are told, and not used.
func (l *lab) profileAll(ctx context.Context, binary string, names []string) error {
	var wg sync.WaitGroup
	queue := make(chan string, len(names))
	for _, name := range names {
		queue <- name
	}
	close(queue)
	for i := range l.parallel {
		wg.Go(func() {
			profile := filepath.Join(l.dir, fmt.Sprintf("profile%d", i))
			for name := range queue {
				if ctx.Err() != nil {
					return
				}
				t, err := l.profile(ctx, binary, profile, name)
				l.mu.Lock()
				if err != nil && ctx.Err() == nil {
					fmt.Fprintf(l.out, "%s fails without a change, and is not used: %v\n", name, err)
				} else if err == nil {
					l.tests = append(l.tests, t)
				}
				l.mu.Unlock()
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// profile runs one test and reads what it executed.
func (l *lab) profile(ctx context.Context, binary, profile, name string) (*test, error) {
	start := time.Now()
	output, err := l.exec(ctx, binary, "-test.run", "^"+name+"$", "-test.timeout", "5m", "-test.coverprofile", profile)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, output)
	}
	took := time.Since(start)
	text, err := os.ReadFile(profile) //#nosec G304 -- just written
	if err != nil {
		return nil, err
	}
	t := &test{Name: name, Took: took}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		file, place, found := strings.Cut(lines.Text(), ":")
		var b block
		var statements, count int
		_, err := fmt.Sscanf(place, "%d.%d,%d.%d %d %d", &b.FirstLine, &b.FirstCol, &b.LastLine, &b.LastCol,
			&statements, &count)
		if err != nil || !found {
			continue // the first line is the mode
		}
		b.File = path.Join(l.folder, path.Base(file))
		b.Executed = count > 0
		t.Blocks = append(t.Blocks, b)
	}
	return t, nil
}

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// suite is the tests of one package.
type suite struct {
	folder string
	Known  []block // of the packages with mutants
	Tests  []*test
}

// test is one test, and what it executes.
type test struct {
	Name   string
	Text   string // what it was when that was found out
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
}

// contains reports whether the place of a mutant is in the block.
func (b block) contains(m *mutant) bool {
	after := m.line > b.FirstLine || m.line == b.FirstLine && m.column >= b.FirstCol
	before := m.line < b.LastLine || m.line == b.LastLine && m.column < b.LastCol
	return b.File == m.file && after && before
}

// covering returns the tests that execute a mutant, the quickest first: its block, or its function if it is in none,
// like a case.
func (s *suite) covering(m *mutant) []*test {
	executes := func(b block) bool { return b.contains(m) }
	if !slices.ContainsFunc(s.Known, executes) {
		executes = func(b block) bool { return b.File == m.file && b.FirstLine >= m.first && b.LastLine <= m.last }
	}
	var found []*test
	for _, t := range s.Tests {
		if slices.ContainsFunc(t.Blocks, executes) {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b *test) int { return cmp.Compare(a.Took, b.Took) })
	return found
}

// prepare finds out what each test of a package executes. That is kept until the code of the packages changes, of each
// test until the test itself does, and also when it is stopped.
func (l *lab) prepare(ctx context.Context, folder string) (*suite, error) {
	binary := filepath.Join(l.dir, "covered.test")
	if err := l.build(ctx, folder, binary, "-cover", "-coverpkg=./"+strings.Join(l.covered, ",./")); err != nil {
		return nil, err
	}
	texts, err := testTexts(filepath.Join(l.root, folder))
	if err != nil {
		return nil, err
	}
	cache, err := l.cacheOf(folder)
	if err != nil {
		return nil, err
	}
	s := &suite{folder: folder}
	known, err := os.ReadFile(cache) //#nosec G304 -- written below
	if err == nil {
		err = json.Unmarshal(known, s)
	}
	if err != nil {
		*s = suite{folder: folder}
	}
	s.Tests = slices.DeleteFunc(s.Tests, func(t *test) bool { return t.Text != texts[t.Name] })
	output, err := l.exec(ctx, folder, binary, "-test.list", "^(Test|Fuzz)")
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, output)
	}
	var names []string
	for name := range strings.FieldsSeq(string(output)) {
		done := slices.ContainsFunc(s.Tests, func(t *test) bool { return t.Name == name })
		if !done && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")) {
			names = append(names, name)
		}
	}
	stopped := l.profileAll(ctx, s, binary, names)
	for _, t := range s.Tests {
		t.Text = texts[t.Name]
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return s, errors.Join(stopped, os.WriteFile(cache, text, 0o600))
}

// cacheOf returns the file of what is known of the tests of a package. It is another one for each version of the
// packages with mutants, whose lines it names.
func (l *lab) cacheOf(folder string) (string, error) {
	digest := sha256.New()
	fmt.Fprintln(digest, folder)
	for _, covered := range l.covered {
		files, err := filesOf(l.root, covered)
		if err != nil {
			return "", err
		}
		for _, f := range files {
			fmt.Fprintln(digest, f.name, len(f.text))
			digest.Write(f.text)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "millrace-mutate")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	return filepath.Join(cache, fmt.Sprintf("%x.json", digest.Sum(nil))), nil
}

// testTexts returns the functions of a package's tests, by their names.
func testTexts(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file) //#nosec G304 -- of the repository
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, file, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, decl := range tree.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				texts[fn.Name.Name] = string(text[fset.Position(fn.Pos()).Offset:fset.Position(fn.End()).Offset])
			}
		}
	}
	return texts, nil
}

// profileAll runs each test alone. Those that fail without a change are told, and not used.
func (l *lab) profileAll(ctx context.Context, s *suite, binary string, names []string) error {
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
				t, known, err := l.profile(ctx, s.folder, binary, profile, name)
				l.mu.Lock()
				if err != nil && ctx.Err() == nil {
					fmt.Fprintf(l.out, "%s fails without a change, and is not used: %v\n", name, err)
				} else if err == nil {
					s.Tests = append(s.Tests, t)
					s.Known = known
				}
				l.mu.Unlock()
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// profile runs one test and reads what it executed, and what it could have.
func (l *lab) profile(ctx context.Context, folder, binary, profile, name string) (t *test, known []block, err error) {
	start := time.Now()
	output, err := l.exec(ctx, folder, binary, "-test.run", "^"+name+"$", "-test.timeout", "5m",
		"-test.coverprofile", profile)
	if err != nil {
		return nil, nil, fmt.Errorf("%w\n%s", err, output)
	}
	t = &test{Name: name, Took: time.Since(start)}
	text, err := os.ReadFile(profile) //#nosec G304 -- just written
	if err != nil {
		return nil, nil, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		file, place, found := strings.Cut(lines.Text(), ":")
		var b block
		var statements, count int
		_, err := fmt.Sscanf(place, "%d.%d,%d.%d %d %d", &b.FirstLine, &b.FirstCol, &b.LastLine, &b.LastCol,
			&statements, &count)
		if err != nil || !found {
			continue // the first line is the mode
		}
		b.File = strings.TrimPrefix(file, l.module+"/")
		known = append(known, b)
		if count > 0 {
			t.Blocks = append(t.Blocks, b)
		}
	}
	return t, known, nil
}

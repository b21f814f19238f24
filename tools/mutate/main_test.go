package main

import (
	"slices"
	"strings"
	"testing"
)

// TestMutants: each place that can be changed is, and the rest of the line stays.
func TestMutants(t *testing.T) {
	t.Parallel()
	const text = `package p

func f(a, b int, log logger) error {
	if a < b && ok(a) {
		a += 2
		log.Info("a")
		g(a)
	}
	_, a = h()
	err := func() int { return a }()
	return err
}
`
	found, err := mutantsOfFile("p/f.go", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range found {
		got = append(got, m.after)
	}
	want := []string{
		"if !(a < b && ok(a)) {", "if a < b || ok(a) {", "if a <= b && ok(a) {", "if a >= b && ok(a) {", "a -= 2",
		"_ = []any{a}", "return nil",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got the mutants\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestKeysAreUnique: mutants of lines that are there twice are told apart.
func TestKeysAreUnique(t *testing.T) {
	t.Parallel()
	const text = "package p\n\nfunc f(a int) int {\n\ta++\n\ta++\n\treturn a\n}\n"
	found, err := mutantsOfFile("p/f.go", []byte(text))
	if err != nil || len(found) != 2 || found[0].key() == found[1].key() {
		t.Errorf("got %d mutants, %v, want two with keys of their own", len(found), err)
	}
}

// TestAccepted: each survivor that is accepted is still there.
func TestAccepted(t *testing.T) {
	t.Parallel()
	accepted, err := readAccepted()
	if err != nil {
		t.Fatal(err)
	}
	left, err := stale("../..", accepted)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range left {
		t.Errorf("accepted.txt has a mutant that is not there any more:\n%s", key)
	}
}

// TestBlock: a place is in the block that a profile names by its first and last character.
func TestBlock(t *testing.T) {
	t.Parallel()
	b := block{
		File:      "p/f.go",
		FirstLine: 2,
		FirstCol:  5,
		LastLine:  4,
		LastCol:   3,
	}
	for _, place := range []struct {
		line, column int
		want         bool
	}{
		{2, 4, false}, {2, 5, true}, {3, 1, true}, {4, 2, true}, {4, 3, false}, {5, 1, false},
	} {
		m := &mutant{
			file:   "p/f.go",
			line:   place.line,
			column: place.column,
		}
		if got := b.contains(m); got != place.want {
			t.Errorf("the block contains %d:%d: got %t, want %t", place.line, place.column, got, place.want)
		}
	}
}

// TestCovering: the tests that execute a mutant's block are found, the quickest first; those of a place in no block are
// those of its function.
func TestCovering(t *testing.T) {
	t.Parallel()
	inside := block{
		File:      "p/f.go",
		FirstLine: 2,
		FirstCol:  1,
		LastLine:  4,
		LastCol:   3,
	}
	other := inside
	other.File = "p/g.go"
	s := suite{
		Known: []block{inside, other},
		Tests: []*test{
			{Name: "slow", Took: 2, Blocks: []block{inside}},
			{Name: "quick", Took: 1, Blocks: []block{other, inside}},
			{Name: "other", Blocks: []block{other}},
		},
	}
	for line, want := range map[int]string{3: "quick slow", 6: "quick slow"} {
		m := &mutant{
			file:  "p/f.go",
			line:  line,
			first: 1,
			last:  7,
		}
		var names []string
		for _, found := range s.covering(m) {
			names = append(names, found.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("line %d is executed by %q, want %q", line, got, want)
		}
	}
	if got := len(within(s.Tests, 3)); got != 3 {
		t.Errorf("within 3 ns there are %d tests, want 3", got)
	}
	if got := len(within(s.Tests, 1)); got != 1 {
		t.Errorf("within less than the first one takes there are %d tests, want 1", got)
	}
}

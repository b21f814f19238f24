package payload

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// FuzzElements: a JSON array has the elements that package json finds, wherever the buffer ends, and lines are cut at line feeds.
func FuzzElements(f *testing.F) {
	for _, text := range []string{
		`[{"a": "]\\\"["}, [1, [2]] , 3]`, "[]", "[1,]", "[1", "\xef\xbb\xbf[\"\\u005d\"]", "{}\n\n[1]\r\n", `["\`, "[1]]", "[,1]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := read(newElements(oneByOne{strings.NewReader(text)}, false))
		var want []json.RawMessage
		if !strings.HasPrefix(text, byteOrderMark) && json.Unmarshal([]byte(text), &want) == nil && want != nil {
			if err != nil || len(found) != len(want) {
				t.Fatalf("elements of %q: %q, %v, want %q", text, found, err, want)
			}
			for i := range want {
				if !bytes.Equal(bytes.TrimSpace(found[i]), want[i]) {
					t.Errorf("element %d of %q is %q, want %q", i, text, found[i], want[i])
				}
			}
		}
		lines, err := read(newElements(strings.NewReader(text), true))
		if err != nil {
			t.Fatalf("lines of %q: %v", text, err)
		}
		for _, line := range lines {
			if bytes.ContainsRune(line, '\n') || len(bytes.TrimLeft(line, " \t\r")) != len(line) {
				t.Errorf("a line of %q is %q", text, line)
			}
		}
		visible := func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }
		if got, want := len(bytes.Join(lines, nil)), len(text); got > want || len(lines) == 0 && strings.TrimFunc(text, visible) != "" {
			t.Errorf("lines of %q: %q", text, lines)
		}
	})
}

// oneByOne reads one byte at a time.
type oneByOne struct{ src io.Reader }

func (r oneByOne) Read(p []byte) (int, error) { return r.src.Read(p[:min(len(p), 1)]) }

// read returns the elements of a text until an error.
func read(e *elements) (all [][]byte, err error) {
	for {
		there, err := e.next()
		if err != nil || !there {
			return all, err
		}
		element, err := io.ReadAll(e)
		if err != nil {
			return all, err
		}
		all = append(all, element)
	}
}

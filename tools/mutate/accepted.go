package main

import (
	_ "embed"
	"fmt"
	"path"
	"strings"
)

//go:embed accepted.txt
var acceptedText string

// readAccepted returns the reasons of the survivors that are accepted, by the keys of the mutants.
func readAccepted() (map[string]string, error) {
	accepted := map[string]string{}
	for entry := range strings.SplitSeq(acceptedText, "\n\n") {
		entry = strings.TrimSpace(entry)
		if entry == "" || strings.HasPrefix(entry, "#") {
			continue
		}
		lines := strings.SplitN(entry, "\n", 4)
		if len(lines) != 4 || !strings.HasPrefix(lines[1], "- ") || !strings.HasPrefix(lines[2], "+ ") {
			return nil, fmt.Errorf("accepted.txt: want a file, the line before, the line after and a reason, got %q", entry)
		}
		accepted[strings.Join(lines[:3], "\n")] = lines[3]
	}
	return accepted, nil
}

// stale returns the keys of the accepted survivors that are not there any more.
func stale(root string, accepted map[string]string) ([]string, error) {
	left := map[string]bool{}
	folders := map[string]bool{}
	for key := range accepted {
		left[key] = true
		file, _, _ := strings.Cut(key, "\n")
		folders[path.Dir(file)] = true
	}
	for folder := range folders {
		all, err := mutantsOf(root, folder)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			delete(left, m.key())
		}
	}
	var keys []string
	for key := range left {
		keys = append(keys, key)
	}
	return keys, nil
}

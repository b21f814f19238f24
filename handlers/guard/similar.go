package guard

import (
	"slices"
	"strings"
)

// paths are those of a site; {x} is any segment.
type paths []string

// pathsOf returns the paths of the patterns of a mux.
func pathsOf(patterns []string) paths {
	var all paths
	for _, pattern := range patterns {
		if _, path, ok := strings.Cut(pattern, " "); ok {
			all = append(all, strings.TrimSuffix(path, "{$}"))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

const (
	// maxSimilar is how many characters of a path are wrong at most.
	maxSimilar = 3
	// maxCompared is the length of the longest path that is compared: that takes time.
	maxCompared = 120
)

// similar returns the path that a request was meant for, if that can be told; else "".
func (all paths) similar(path string) string {
	if len(path) > maxCompared {
		return ""
	}
	best, nearest := maxSimilar+1, ""
	given := strings.Split(path, "/")
	for _, candidate := range all {
		segments := strings.Split(candidate, "/")
		if len(segments) != len(given) {
			continue
		}
		total := 0
		for i, segment := range segments {
			if !strings.HasPrefix(segment, "{") {
				total += distance(given[i], segment)
			}
		}
		if total < best && total < len(candidate)-1 {
			best = total
			nearest = candidate
		}
	}
	return nearest
}

// distance returns how many characters must be added, deleted or replaced to make one text of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0] // of the row before, to the left
		row[0] = i + 1
		for j := range len(b) {
			replaced := above
			if a[i] != b[j] {
				replaced++
			}
			above = row[j+1]
			row[j+1] = min(replaced, row[j]+1, above+1)
		}
	}
	return row[len(b)]
}

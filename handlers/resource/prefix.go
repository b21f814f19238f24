package resource

import "regexp"

// references matches the beginning of each member of a resource whose value is a path. Strings have no such text:
// quotes are escaped there.
var references = regexp.MustCompile(`"(self|events|jobs|href|docs|openapi|river_ui|type)":"/`)

// Below returns a resource, as it is written as JSON, with its paths below a prefix.
func Below(prefix string, text []byte) []byte {
	if prefix == "" {
		return text
	}
	return references.ReplaceAll(text, []byte(`"${1}":"`+prefix+`/`))
}

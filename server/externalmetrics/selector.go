package externalmetrics

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// selector is a list of requirements, all of which labels must meet.
type selector []requirement

// requirement is one of a label. It has no values if any will do.
type requirement struct {
	key     string
	values  []string
	any     bool
	negated bool
}

const (
	keyPattern   = `([A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?)`
	valuePattern = `((?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?)`
)

// The forms of a requirement.
var (
	hasLabel = regexp.MustCompile(`^(!?)\s*` + keyPattern + `$`)
	isEqual  = regexp.MustCompile(`^` + keyPattern + `\s*(=|==|!=)\s*` + valuePattern + `$`)
	isOneOf  = regexp.MustCompile(`^` + keyPattern + `\s+(in|notin)\s*\(([^()]*)\)$`)
	oneValue = regexp.MustCompile(`^` + valuePattern + `$`)
)

// parseSelector parses a label selector of Kubernetes: `queue=tiles`, `queue in (tiles, small)`, `!queue`, and several
// of these, separated by commas. It knows no order of values, < and >.
func parseSelector(text string) (selector, error) {
	var s selector
	for _, part := range splitRequirements(text) {
		r, ok := parseRequirement(strings.TrimSpace(part))
		if !ok {
			return nil, fmt.Errorf("labelSelector: %.200q is no requirement that is known here", part)
		}
		s = append(s, r)
	}
	return s, nil
}

// splitRequirements splits at the commas that are not in parentheses.
func splitRequirements(text string) (parts []string) {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	start := 0
	open := false
	for i := range len(text) {
		switch text[i] {
		case '(':
			open = true
		case ')':
			open = false
		case ',':
			if !open {
				parts = append(parts, text[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, text[start:])
}

func parseRequirement(text string) (requirement, bool) {
	if found := isEqual.FindStringSubmatch(text); found != nil {
		return requirement{
			key:     found[1],
			values:  []string{found[3]},
			negated: found[2] == "!=",
		}, true
	}
	if found := isOneOf.FindStringSubmatch(text); found != nil {
		r := requirement{key: found[1], negated: found[2] == "notin"}
		for v := range strings.SplitSeq(found[3], ",") {
			v = strings.TrimSpace(v)
			if !oneValue.MatchString(v) {
				return r, false
			}
			r.values = append(r.values, v)
		}
		return r, true
	}
	if found := hasLabel.FindStringSubmatch(text); found != nil {
		return requirement{
			key:     found[2],
			any:     true,
			negated: found[1] != "",
		}, true
	}
	return requirement{}, false
}

// matches reports whether labels meet all requirements. One that is negated is met by labels without its key, too.
func (s selector) matches(labels map[string]string) bool {
	for _, r := range s {
		v, has := labels[r.key]
		if met := has && (r.any || slices.Contains(r.values, v)); met == r.negated {
			return false
		}
	}
	return true
}

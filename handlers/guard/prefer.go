package guard

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// maxWait is how long a response may wait at most, less than the timeouts of usual proxies.
const maxWait = 60 * time.Second

// WaitPreference returns how long a Prefer header of RFC 7240 asks to wait. Unknown and malformed preferences are
// ignored, and of several with one name the first counts.
func WaitPreference(header string) (time.Duration, bool) {
	for len(header) > 0 {
		var preference string
		preference, header = cutUnquoted(header, ',')
		preference, _ = cutUnquoted(preference, ';') // parameters
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		seconds, err := strconv.ParseUint(value, 10, 64)
		if errors.Is(err, strconv.ErrRange) {
			return maxWait, true
		}
		if err != nil {
			return 0, false
		}
		return time.Duration(min(seconds, uint64(maxWait/time.Second))) * time.Second, true
	}
	return 0, false
}

// cutUnquoted cuts a text at the first separator that is not inside of a quoted string.
func cutUnquoted(text string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // an escaped character does not end the string
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

package keys

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// lifetime is how long a key is valid; 0 is for ever.
type lifetime time.Duration

// maxLifetime is the longest that is not for ever.
const maxLifetime = 10 * 365 * 24 * time.Hour

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *lifetime) UnmarshalText(text []byte) error {
	given := string(text)
	if given == "never" {
		*l = 0
		return nil
	}
	d, err := time.ParseDuration(given)
	if days, ok := strings.CutSuffix(given, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 || d > maxLifetime {
		return fmt.Errorf("expected days as 90d, a duration as 12h, at most ten years of it, or never, but got %q", given)
	}
	*l = lifetime(d)
	return nil
}

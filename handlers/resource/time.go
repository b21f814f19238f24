package resource

import "time"

// UTC returns a time as the JSON forms have it; nil is none.
func UTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC())
}

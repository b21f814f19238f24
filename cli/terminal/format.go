package terminal

import (
	"fmt"
	"time"
)

// Megabytes returns a number of bytes in units of 10⁶.
func Megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

// Rate describes a transfer: its size, its duration and its speed.
func Rate(bytes int64, d time.Duration) string {
	mb := Megabytes(bytes)
	return fmt.Sprintf("%.1f MB in %.2f s, %.0f MB/s", mb, d.Seconds(), mb/d.Seconds())
}

// Time returns t in local time, or - for nil.
func Time(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

// Age writes a duration by its largest unit: 3s, 12m, 5h, 9d.
func Age(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}

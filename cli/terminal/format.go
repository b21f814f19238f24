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

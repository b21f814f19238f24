// Package round has the integer divisions of package matrix and its codecs, for lengths and sides that are not
// negative.
package round

// CeilDiv returns ⌈n/d⌉ for n ≥ 0 and d > 0 without overflow, and 0 for negative n.
func CeilDiv(n, d int64) int64 {
	if n <= 0 {
		return 0
	}
	return (n-1)/d + 1
}

// Up returns the smallest multiple of step that is at least n.
func Up(n, step int64) int64 { return CeilDiv(n, step) * step }

// Down returns the largest multiple of step that is at most n.
func Down(n, step int64) int64 { return n / step * step }

// Even returns the smallest side, a multiple of step, that cuts length into as many parts as side does.
func Even(length, side, step int64) int64 {
	return Up(CeilDiv(length, CeilDiv(length, side)), step)
}

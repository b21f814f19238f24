package payload

import (
	"strconv"
	"strings"
)

// maxDigits is how many digits an int64 has at most.
const maxDigits = 19

// parseInteger returns the value of a JSON number if it is an integer that fits. What counts is the value, not how it
// is written, as in JSON Schema: 20, 20.0, 2e1 and 200e-1 are the same integer.
func parseInteger(number string) (int64, bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	sign := ""
	if rest, negative := strings.CutPrefix(whole, "-"); negative {
		sign, whole = "-", rest
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, true
	}
	shift := 0
	if exponent != "" {
		n, err := strconv.ParseInt(exponent, 10, 32)
		if err != nil {
			return 0, false
		}
		shift = int(n)
	}
	significant := strings.TrimRight(digits, "0")
	zeros := shift - len(fraction) + len(digits) - len(significant)
	if zeros < 0 || len(significant)+zeros > maxDigits {
		return 0, false
	}
	n, err := strconv.ParseInt(sign+significant+strings.Repeat("0", zeros), 10, 64)
	return n, err == nil
}

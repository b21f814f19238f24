package payload

import "testing"

// TestIntegers: a number with a fraction of zero is an integer, however it is written (JSON Schema 2020-12, validation,
// 6.1.1: "any number with a zero fractional part").
func TestIntegers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0":                       0,
		"-0":                      0,
		"-0.0":                    0,
		"0e99999999999999999999":  0,
		"0.000e-5":                0,
		"2":                       2,
		"2.0":                     2,
		"2e0":                     2,
		"2E+1":                    20,
		"0.2e1":                   2,
		"200e-2":                  2,
		"2.50e1":                  25,
		"-3.0":                    -3,
		"1e18":                    1e18,
		"9223372036854775807":     9223372036854775807,
		"9223372036854775807.0":   9223372036854775807,
		"-9223372036854775808":    -9223372036854775808,
		"9.223372036854775807e18": 9223372036854775807,
		"0.0000000000000000000000000000000000000001e40": 1,
	} {
		if got, ok := parseInteger(text); !ok || got != want {
			t.Errorf("%s is %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"0.5", "2.5e0", "1e-1", "25e-1", "9223372036854775808", "1e19", "1e999999999", "1e99999999999999999999",
		"1e-99999999999999999999", "-9223372036854775809",
	} {
		if got, ok := parseInteger(text); ok {
			t.Errorf("%s is %d, want no integer of 64 bits", text, got)
		}
	}
}

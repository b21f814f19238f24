//go:build !linux && !darwin

package blocks

// freeIn is not known on this system.
func freeIn(string) (bytes int64, known bool, err error) { return 0, false, nil }

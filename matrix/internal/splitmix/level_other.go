//go:build !amd64

package splitmix

// levels returns what needs no vector instructions.
func levels() []level { return []level{{name: "portable"}} }

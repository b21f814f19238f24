//go:build !linux

package database

import (
	"syscall"
	"time"
)

// control returns what leaves a connection as it is: only Linux has a user timeout.
func control(time.Duration) func(string, string, syscall.RawConn) error { return nil }

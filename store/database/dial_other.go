//go:build !linux

package database

import "syscall"

// control leaves a connection as it is: only Linux has a user timeout.
func control(string, string, syscall.RawConn) error { return nil }

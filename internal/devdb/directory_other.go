//go:build !linux

package devdb

import "os"

// volatileParent returns where a temporary database is made that need not survive anything.
func volatileParent() string { return os.TempDir() }

// direct reports whether Postgres can write its log past the memory that the system keeps of files, as it does on Linux.
func direct(string) bool { return false }

//go:build !linux

package devdb

import "os"

// volatileParent returns where a temporary database is made that need not survive anything.
func volatileParent() string { return os.TempDir() }

//go:build linux || darwin

package blocks

import "syscall"

// freeIn returns how many bytes the file system of a directory has room for.
func freeIn(dir string) (bytes int64, known bool, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, false, err
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true, nil //nolint:gosec,unconvert // the types depend on the system
}

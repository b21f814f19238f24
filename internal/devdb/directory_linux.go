package devdb

import (
	"os"
	"syscall"
)

const (
	memoryVolume = "/dev/shm"
	memoryMagic  = 0x01021994 // TMPFS_MAGIC of linux/magic.h
	writable     = 2          // W_OK of unistd.h

	// minFreeMemory is how much room there must be in memory: the databases of two packages of tests take some 500 MB.
	minFreeMemory = 4 << 30
)

// volatileParent returns where a temporary database is made that need not survive anything: in memory, if there is
// room. On a disk, making and deleting databases, each of which is 300 files, takes half of the CPU time of the tests.
// TMPDIR, if it is set, has precedence.
func volatileParent() string {
	var volume syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Access(memoryVolume, writable) != nil ||
		syscall.Statfs(memoryVolume, &volume) != nil || volume.Type != memoryMagic ||
		volume.Bavail < minFreeMemory/uint64(max(volume.Bsize, 1)) {
		return os.TempDir()
	}
	return memoryVolume
}

package devdb

import (
	"os"
	"path/filepath"
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

// directName is a file by which it is found out whether files can be written directly.
const directName = ".direct"

// direct reports whether files in a directory can be written past the memory that the system keeps of files. Postgres
// does so with wal_sync_method=open_datasync, and does not start where it cannot.
func direct(dir string) bool {
	name := filepath.Join(dir, directName)
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|syscall.O_DIRECT, 0o600)
	if err == nil {
		_ = file.Close()
	}
	_ = os.Remove(name)
	return err == nil
}

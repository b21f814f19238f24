package writeback

import (
	"os"
	"syscall"
)

// write is SYNC_FILE_RANGE_WRITE of linux/fs.h: begin to write, and do not wait.
const write = 2

// Begin tells the system to bring a part of a file to the disk. It may not, which is of no consequence.
func Begin(file *os.File, offset, n int64) {
	_ = syscall.SyncFileRange(int(file.Fd()), offset, n, write)
}

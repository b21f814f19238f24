package bench_test

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// usedMemory keeps the machine's memory in use, as that of one that has been up for long: the system keeps the content
// of a file in it, and takes it from there for what needs some. What is free a virtual machine may give back to its
// host, and then first writes to it take ten times as long.
type usedMemory struct {
	file *os.File // of zeros that take no room on the disk
	size int64
}

// newUsedMemory returns a usedMemory that uses nothing yet.
func newUsedMemory(t *testing.T) *usedMemory {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "zeros"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return &usedMemory{file: file}
}

// level makes a measurement begin like all others: what was written before is on the disk, and memory is in use.
func (m *usedMemory) level(t *testing.T) {
	t.Helper()
	syscall.Sync()
	const left = 1 << 30
	size := freeMemory() - left
	if size <= 0 {
		return
	}
	from := m.size
	m.size += size
	if err := m.file.Truncate(m.size); err != nil {
		t.Fatal(err)
	}
	var read sync.WaitGroup
	for i := range int64(2) {
		read.Go(func() {
			if _, err := io.Copy(io.Discard, io.NewSectionReader(m.file, from+i*size/2, size/2)); err != nil {
				t.Error(err)
			}
		})
	}
	read.Wait()
}

// freeMemory returns how many bytes of the machine's memory nothing uses, no more than a container may still have. It
// is 0 if that is unknown.
func freeMemory() int64 {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(valueIn("/proc/meminfo", "MemFree"), " kB"), 10, 64)
	free := kib << 10
	if limit, err := strconv.ParseInt(firstLine("/sys/fs/cgroup/memory.max"), 10, 64); err == nil { // "max" if there is none
		used, _ := strconv.ParseInt(firstLine("/sys/fs/cgroup/memory.current"), 10, 64)
		free = min(free, limit-used)
	}
	return free
}

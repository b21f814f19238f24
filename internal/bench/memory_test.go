package bench_test

import (
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// level makes a measurement begin like all others: what was written before is on the disk, and the machine has its free
// memory. A virtual machine may have given that back to its host, and then takes ten times as long for first writes.
func level(t *testing.T) {
	t.Helper()
	syscall.Sync()
	const (
		left = 1 << 30 // for what runs
		page = 4 << 10
	)
	size := freeMemory() - left
	if size <= 0 {
		return
	}
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	var touched sync.WaitGroup
	for _, half := range [][]byte{memory[:size/2], memory[size/2:]} {
		touched.Go(func() {
			for i := 0; i < len(half); i += page {
				half[i] = 1
			}
		})
	}
	touched.Wait()
	if err := syscall.Munmap(memory); err != nil {
		t.Fatal(err)
	}
}

// freeMemory returns how many bytes of the machine's memory nothing uses, no more than a container may still have. It
// is 0 if that is unknown.
func freeMemory() int {
	kib, _ := strconv.Atoi(strings.TrimSuffix(valueIn("/proc/meminfo", "MemFree"), " kB"))
	free := kib << 10
	if limit, err := strconv.Atoi(firstLine("/sys/fs/cgroup/memory.max")); err == nil { // "max" if there is none
		used, _ := strconv.Atoi(firstLine("/sys/fs/cgroup/memory.current"))
		free = min(free, limit-used)
	}
	return free
}

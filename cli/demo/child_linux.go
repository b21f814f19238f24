package demo

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// childAttr puts a child into a process group of its own, so that Ctrl-C does not reach it: stop ends it. Linux
// ends it when its parent ends.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// peakMemory returns the largest resident set of a running process so far, in bytes, or 0 if it is unknown.
func peakMemory(pid int) int64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			var kib int64
			_, _ = fmt.Sscanf(text, "%d", &kib)
			return kib << 10
		}
	}
	return 0
}

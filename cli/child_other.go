//go:build !linux

package cli

import "syscall"

// childAttr puts a child into a process group of its own, so that Ctrl-C reaches it through us.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// peakMemory is not known here.
func peakMemory(int) int64 { return 0 }

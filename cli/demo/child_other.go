//go:build !linux

package demo

import "syscall"

// childAttr puts a child into a process group of its own, so that Ctrl-C does not reach it: stop ends it.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// peakMemory returns 0: the figure is known on Linux only.
func peakMemory(int) int64 { return 0 }

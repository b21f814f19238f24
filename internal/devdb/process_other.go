//go:build !linux

package devdb

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sysProcAttr gives a child a process group of its own, so that Ctrl-C in a terminal reaches only this process, which
// then stops the child. There is no parent-death signal here: the next start on the directory stops a Postgres whose
// parent was killed.
func sysProcAttr(account) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// shareDirectory returns the path by which a child reaches dir. Children run as the user of this process.
func shareDirectory(_ *exec.Cmd, _ account, dir *os.File) string { return dir.Name() }

// isPostgresOn reports whether a process is a Postgres on this data directory, which is part of its command line.
func isPostgresOn(pid int, data string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), data)
}

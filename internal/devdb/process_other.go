//go:build !linux

package devdb

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sysProcAttr gives a child its user and a process group of its own, so that Ctrl-C in a terminal reaches only us and
// we stop it in order. There is no parent-death signal here: a Postgres whose parent was killed is stopped by the next
// start on its directory.
func sysProcAttr(a account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: a.credential()}
}

// isPostgresOn reports whether a process is a Postgres on this data directory, which we name on its command line.
func isPostgresOn(pid int, data string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), data)
}

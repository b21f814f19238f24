package devdb

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// sysProcAttr gives a child its user, a process group of its own, so that Ctrl-C in a terminal reaches only us and we
// stop it in order, and a parent-death signal: should we be killed, SIGINT makes Postgres shut down fast.
func sysProcAttr(a account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT, Credential: a.credential()}
}

// isPostgresOn reports whether a process is a Postgres on this data directory, which is its working directory.
func isPostgresOn(pid int, data string) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	comm, err := os.ReadFile(filepath.Join(proc, "comm"))
	if err != nil || !bytes.HasPrefix(comm, []byte("postgres")) {
		return false
	}
	cwd, err := os.Stat(filepath.Join(proc, "cwd"))
	if err != nil {
		return false
	}
	own, err := os.Stat(data)
	return err == nil && os.SameFile(cwd, own)
}

package devdb

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// sysProcAttr gives a child
//   - its user,
//   - a process group of its own, so that Ctrl-C in a terminal reaches only this process, which then stops the child,
//   - a parent-death signal: if this process is killed, SIGINT makes Postgres shut down.
func sysProcAttr(a account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setpgid:    true,
		Pdeathsig:  syscall.SIGINT,
		Credential: a.credential(),
	}
}

// shareDirectory returns the path by which a child that runs as the account reaches dir, a directory of that account.
// Another user than that of this process may be unable to search the directories above, such as root's home. Such a
// child inherits dir as an open file, and a path through /proc/self/fd starts there.
func shareDirectory(cmd *exec.Cmd, a account, dir *os.File) string {
	if a.isSelf() {
		return dir.Name()
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, dir)
	return "/proc/self/fd/" + strconv.Itoa(2+len(cmd.ExtraFiles))
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

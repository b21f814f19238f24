package devdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// account is the user that Postgres runs as: the user of this process, except that Postgres refuses to run as root.
type account struct {
	name     string
	uid, gid uint32
}

// serviceUsers are the users that Postgres runs as when root starts it: the one that Postgres packages create, else one
// that every system has.
var serviceUsers = []string{"postgres", "nobody"}

// newAccount returns the account for a new database.
func newAccount() (account, error) {
	if os.Geteuid() != 0 {
		uid := os.Geteuid()
		gid := os.Getegid()
		//nolint:gosec // the system's ids have 32 bits
		return account{
			name: "uid " + strconv.Itoa(uid),
			uid:  uint32(uid),
			gid:  uint32(gid),
		}, nil
	}
	if runtime.GOOS != "linux" { // see shareDirectory
		return account{}, errors.New("postgres does not run as root: run as another user")
	}
	for _, name := range serviceUsers {
		if u, err := user.Lookup(name); err == nil {
			return parseUser(u)
		}
	}
	return account{}, fmt.Errorf("postgres does not run as root, and this system has none of the users %s: "+
		"run as another user", strings.Join(serviceUsers, ", "))
}

func parseUser(u *user.User) (account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return account{
		name: "user " + u.Username,
		uid:  uint32(uid),
		gid:  uint32(gid),
	}, nil
}

// ownerOf returns the account for an existing database: Postgres must own its data directory.
func ownerOf(data string) (account, error) {
	info, err := os.Stat(data)
	if err != nil {
		return account{}, fmt.Errorf("find the owner of the database: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return account{}, fmt.Errorf("the owner of %s is unknown on this system", data)
	}
	owner := account{
		name: "uid " + strconv.Itoa(int(st.Uid)),
		uid:  st.Uid,
		gid:  st.Gid,
	}
	if u, err := user.LookupId(strconv.Itoa(int(st.Uid))); err == nil {
		owner.name = "user " + u.Username
	}
	switch {
	case owner.uid == 0:
		return account{}, fmt.Errorf("the database in %s belongs to root, but Postgres does not run as root: chown it", data)
	case os.Geteuid() != 0 && !owner.isSelf():
		return account{}, fmt.Errorf("the database in %s belongs to %s: run as that user or as root, "+
			"or use another directory", data, owner.name)
	}
	return owner, nil
}

func (a account) isSelf() bool { return int(a.uid) == os.Geteuid() }

// credential makes a child process run as the account; nil is the user of this process.
func (a account) credential() *syscall.Credential {
	if a.isSelf() {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own makes the account the owner of a file or directory that this process created.
func (a account) own(path string) error {
	if a.isSelf() {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// command prepares a program that runs as the account.
func (a account) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/" // the account can reach it, unlike the current directory
	cmd.Env = environ()
	cmd.SysProcAttr = sysProcAttr(a)
	return cmd
}

// output runs a command of the account to its end and returns its output, which is also part of the error.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	// The parent-death signal is sent when the thread that started the child ends, so this thread must not be reused.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &out
	// initdb feeds a Postgres through a pipe. After SIGTERM to initdb, that Postgres reads to the end of the pipe, frees
	// its shared memory, which a signal would make it leave behind, and closes the output, for which Run waits.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil && out.Len() > 0 {
		err = fmt.Errorf("%w:\n%s", err, strings.TrimSpace(out.String()))
	}
	return out.String(), err
}

// environ returns the environment of this process without the variables that change the behaviour of Postgres: PGPORT,
// PGDATA and similar, and a locale, which this system may lack. The messages of Postgres must be English, because this
// package searches them.
func environ() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") && !strings.HasPrefix(kv, "LANG") {
			env = append(env, kv)
		}
	}
	return append(env, "LC_ALL=C")
}

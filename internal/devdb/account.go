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

// account is the user that Postgres runs as: ourselves, or somebody else when we are root, which Postgres refuses to be.
type account struct {
	name     string
	uid, gid uint32
}

// serviceUsers are the users that root lends to Postgres: the one that a Postgres package makes, else the one that
// every system has.
var serviceUsers = []string{"postgres", "nobody"}

// accountFor chooses the user for the cluster in data. Postgres insists on being the owner of an existing one.
func accountFor(data string, exists bool) (account, error) {
	if exists {
		return ownerOf(data)
	}
	if os.Geteuid() != 0 {
		uid, gid := os.Geteuid(), os.Getegid()
		//nolint:gosec // the system's ids have 32 bits
		return account{name: "uid " + strconv.Itoa(uid), uid: uint32(uid), gid: uint32(gid)}, nil
	}
	for _, name := range serviceUsers {
		if u, err := user.Lookup(name); err == nil {
			return newAccount(u)
		}
	}
	return account{}, fmt.Errorf("postgres does not run as root, and this system has none of the users %s: run as another user",
		strings.Join(serviceUsers, ", "))
}

func newAccount(u *user.User) (account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return account{name: "user " + u.Username, uid: uint32(uid), gid: uint32(gid)}, nil
}

func ownerOf(data string) (account, error) {
	info, err := os.Stat(data)
	if err != nil {
		return account{}, fmt.Errorf("find the owner of the database: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return account{}, fmt.Errorf("the owner of %s is unknown on this system", data)
	}
	owner := account{name: "uid " + strconv.Itoa(int(st.Uid)), uid: st.Uid, gid: st.Gid}
	if u, err := user.LookupId(strconv.Itoa(int(st.Uid))); err == nil {
		owner.name = "user " + u.Username
	}
	switch {
	case owner.uid == 0:
		return account{}, fmt.Errorf("the database in %s belongs to root, as whom Postgres does not run: chown it", data)
	case os.Geteuid() != 0 && !owner.isSelf():
		return account{}, fmt.Errorf("the database in %s belongs to %s: run as that user or as root, or use another directory",
			data, owner.name)
	}
	return owner, nil
}

func (a account) isSelf() bool { return int(a.uid) == os.Geteuid() }

// credential makes a child process run as the account; nil leaves it as we are.
func (a account) credential() *syscall.Credential {
	if a.isSelf() {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// give makes the account the owner of a file or directory that we created.
func (a account) give(path string) error {
	if a.isSelf() {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// run runs a program as the account, in dir, and returns what it printed; an error contains that too.
func (a account) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	// The parent-death signal comes when the thread that started the child ends, so this thread must stay ours.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, environ(), sysProcAttr(a)
	cmd.Stdout, cmd.Stderr = &out, &out
	// initdb feeds a Postgres through a pipe. When initdb ends, that reads to the end, cleans up its shared memory, which
	// a signal would make it leave behind, and closes the output, for which Run waits.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil && out.Len() > 0 {
		return out.String(), fmt.Errorf("%w:\n%s", err, strings.TrimSpace(out.String()))
	}
	return out.String(), err
}

// environ is our environment without what would change Postgres behind our back: PGPORT, PGDATA and their kin, and a
// locale that this system may not have. Its messages have to be English, because we read them.
func environ() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") && !strings.HasPrefix(kv, "LANG") {
			env = append(env, kv)
		}
	}
	return append(env, "LC_ALL=C")
}

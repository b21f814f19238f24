package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// devInfo is the line that `millrace dev --json` prints once it is ready.
type devInfo struct {
	API         string `json:"api"`
	Ops         string `json:"ops"`
	DatabaseURL string `json:"database_url"`
	PID         int    `json:"pid"`
	Kernel      string `json:"kernel"`
	Builtin     bool   `json:"builtin_kernel"`
}

// child is a `millrace dev` of our own.
type child struct {
	devInfo
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed when it has ended
	err     error         // how, after done
}

// startDev runs `millrace dev` on free ports, with everything in dir, and returns when it is ready.
func startDev(ctx context.Context, dir string, flags ...string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	logPath := filepath.Join(dir, "dev.log")
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	args := append([]string{
		"dev", "--json", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--data=" + filepath.Join(dir, "data"),
	}, flags...)
	c := &child{cmd: exec.Command(exe, args...), logPath: logPath, done: make(chan struct{})} //nolint:noctx // stopped by signal
	c.cmd.Stderr = log
	c.cmd.SysProcAttr = childAttr()
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.start(); err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &c.devInfo)
		}
		ready <- err
	}()
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		_ = c.stop()
		return nil, fmt.Errorf("millrace dev did not start: %w\n%s", err, c.logTail())
	}
	return c, nil
}

// start starts the process on a thread that stays: the parent-death signal comes when that thread ends.
func (c *child) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = exitError(c.cmd.Process.Wait()) // not cmd.Wait: that would close the pipe under its reader
			close(c.done)
		}
	}()
	return <-started
}

// exitError says how a process ended, unless that was well.
func exitError(state *os.ProcessState, err error) error {
	if err == nil && !state.Success() {
		err = fmt.Errorf("millrace dev ended with %s", state)
	}
	return err
}

// stopPatience is how long dev may take to end its tiles and its Postgres.
const stopPatience = 2 * time.Minute

// stop ends the process in order and waits for it.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.done:
		return c.err
	case <-time.After(stopPatience):
		_ = c.cmd.Process.Kill()
		<-c.done
		return errors.New("millrace dev did not stop when told to and was killed")
	}
}

// logTail returns the end of what the process logged.
func (c *child) logTail() string {
	const most = 4000
	text, err := os.ReadFile(c.logPath)
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-most):])
}

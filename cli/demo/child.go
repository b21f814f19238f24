package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// DevInfo is the line that `millrace dev --json` prints once it is ready.
type DevInfo struct {
	API         string `json:"api"`
	Ops         string `json:"ops"`
	DatabaseURL string `json:"database_url"`
	Token       string `json:"token,omitempty"` // of the key that --auth makes
	PID         int    `json:"pid"`
	Kernel      string `json:"kernel"`
	Portable    bool   `json:"portable_kernel"`
}

// child is a `millrace dev` that this process has started.
type child struct {
	info    DevInfo
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed when the process has ended
	err     error         // how it ended; valid after done
}

// startDev starts `millrace dev` on free ports, with all its files in dir, and returns when it is ready.
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
		"dev",
		"--json",
		"--addr=127.0.0.1:0",
		"--ops-addr=127.0.0.1:0",
		"--tls-cert=", // the environment may name them, for other processes
		"--tls-key=",
		"--data=" + filepath.Join(dir, "data"),
	}, flags...)
	c := &child{
		cmd:     exec.Command(exe, args...), //nolint:noctx // stop ends it by a signal
		logPath: logPath,
		done:    make(chan struct{}),
	}
	c.cmd.Stderr = log
	c.cmd.SysProcAttr = childAttr()
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.start(); err != nil {
		return nil, err
	}
	if err := c.readInfo(ctx, out); err != nil {
		_ = c.stop()
		return nil, fmt.Errorf("millrace dev did not start: %w\n%s", err, c.logTail())
	}
	return c, nil
}

// start starts the process on a thread of its own until the process ends: Linux sends the parent-death signal when the
// thread ends that has started the child.
func (c *child) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = exitError(c.cmd.Process.Wait()) // not cmd.Wait, which would close the pipe under its reader
			close(c.done)
		}
	}()
	return <-started
}

// readInfo waits for the line that the process prints when it is ready.
func (c *child) readInfo(ctx context.Context, stdout io.Reader) error {
	ready := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(stdout).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &c.info)
		}
		ready <- err
	}()
	select {
	case err := <-ready:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// exitError returns an error unless a process has ended with success.
func exitError(state *os.ProcessState, err error) error {
	if err == nil && !state.Success() {
		err = fmt.Errorf("millrace dev ended with %s", state)
	}
	return err
}

// stopTimeout is how long dev may take to finish its tiles and to stop its Postgres.
const stopTimeout = 2 * time.Minute

// stop sends SIGTERM and waits for the end of the process, which it kills after stopTimeout.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.done:
		return c.err
	case <-time.After(stopTimeout):
		_ = c.cmd.Process.Kill()
		<-c.done //house:ignore bound a killed process ends
		return fmt.Errorf("millrace dev did not stop within %s and was killed", stopTimeout)
	}
}

// logTail returns the end of the log of the process.
func (c *child) logTail() string {
	const maxBytes = 4000
	text, err := os.ReadFile(c.logPath)
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-maxBytes):])
}

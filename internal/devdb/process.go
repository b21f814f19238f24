package devdb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// The times that a stop waits before it sends the next, harder signal. A fast shutdown writes all dirty buffers to the
// disk, which may be slow.
const (
	fastTimeout      = 60 * time.Second
	immediateTimeout = 10 * time.Second
)

// process is a running postmaster.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended and been waited for
	err  error         // how it ended; to be read after done
}

// startProcess starts cmd and waits for its end on a goroutine that keeps its thread: the parent-death signal is sent
// when the thread that started the child ends, not only when the whole process does.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return p, nil
}

// exit returns how the process ended. It must have ended.
func (p *process) exit() error {
	if p.err != nil {
		return p.err
	}
	return errors.New("exit status 0")
}

// stop ends the process, with harder signals if it ignores sig, and returns when it has ended. It may have ended
// before.
func (p *process) stop(sig syscall.Signal) error {
	if p.signalAndWait(sig, fastTimeout) || p.signalAndWait(syscall.SIGQUIT, immediateTimeout) {
		return nil
	}
	// The other processes of the cluster end when they notice that the postmaster is gone.
	if p.signalAndWait(syscall.SIGKILL, immediateTimeout) {
		return errors.New("postgres ignored the signals to stop and was killed")
	}
	return fmt.Errorf("postgres (pid %d) does not stop", p.cmd.Process.Pid)
}

func (p *process) signalAndWait(sig syscall.Signal, timeout time.Duration) bool {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return false
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

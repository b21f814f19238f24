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

// How long a stop waits before it takes the next, harder signal. A fast shutdown writes all dirty buffers to the disk,
// which a slow one may need a while for.
const (
	fastPatience      = 60 * time.Second
	immediatePatience = 10 * time.Second
)

// process is a running postmaster.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended and been waited for
	err  error         // how it ended; to be read after done
}

// startProcess starts cmd and waits for its end on a goroutine that keeps its thread: the parent-death signal comes
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

// exit says how the process ended; it must have ended.
func (p *process) exit() error {
	if p.err != nil {
		return p.err
	}
	return errors.New("exit status 0")
}

// stop ends the process, with sig if that suffices, and returns when it has ended. That it had already is no error.
func (p *process) stop(sig syscall.Signal) error {
	if p.signalAndWait(sig, fastPatience) || p.signalAndWait(syscall.SIGQUIT, immediatePatience) {
		return nil
	}
	// The other processes of the cluster notice that the postmaster is gone and end by themselves.
	if p.signalAndWait(syscall.SIGKILL, immediatePatience) {
		return errors.New("postgres did not stop when told to and was killed")
	}
	return fmt.Errorf("postgres (pid %d) does not stop", p.cmd.Process.Pid)
}

func (p *process) signalAndWait(sig syscall.Signal, patience time.Duration) bool {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return false
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-p.done:
		return true
	case <-timeout.C:
		return false
	}
}

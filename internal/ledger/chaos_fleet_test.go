package ledger_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/reexec"
)

// fleet is the processes of the chaos, each of which is started again when it ends, as an orchestrator does.
type fleet struct {
	t       *testing.T
	apis    []*slot
	workers []*slot
	stopped chan struct{}
	running sync.WaitGroup
}

// slot is one process after the other.
type slot struct {
	name    string
	address string // of an API
	args    []string
	env     []string
	log     reexec.Log

	mutex   sync.Mutex
	program string // of the next process; empty: this version
	cmd     *exec.Cmd
	told    bool     // the present process has been told to end, or killed
	started int      // processes so far
	ends    []string // how processes have ended that nothing has told to
}

// restartPause is the time between the end of a process and the start of the next one.
const restartPause = 300 * time.Millisecond

// newFleet starts the processes: of a program, or of this version.
func (d *deployment) newFleet(program string) *fleet {
	d.t.Helper()
	f := &fleet{t: d.t, stopped: make(chan struct{})}
	for i := range chaosAPIs {
		address := freeAddress(d.t)
		s := &slot{
			name:    fmt.Sprintf("ledger api %d", i),
			address: "http://" + address,
			args:    []string{"api", "--addr=" + address, "--ops-addr=127.0.0.1:0", "--soft-stop=5s"},
		}
		f.apis = append(f.apis, s)
	}
	for i := range chaosWorkers {
		f.workers = append(f.workers, &slot{
			name: fmt.Sprintf("ledger worker %d", i),
			args: []string{"worker", "--ops-addr=127.0.0.1:0", "--tiles=2", "--small=8", "--soft-stop=5s", "--last-scrape=0s"},
		})
	}
	for _, s := range f.all() {
		databaseURL := d.cluster.wire.URL(d.cluster.server.URL()) + "&application_name=" + strings.ReplaceAll(s.name, " ", "%20")
		s.env = append(append(s.env, d.env...), "DATABASE_URL="+databaseURL)
		s.program = program
		f.running.Go(func() { f.keep(s) })
	}
	d.t.Cleanup(func() {
		f.stop()
		if f.t.Failed() {
			f.complain()
		}
	})
	return f
}

// complain logs the errors in the logs of the processes.
func (f *fleet) complain() {
	for _, s := range f.all() {
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, "level=ERROR") {
				f.t.Logf("%s: %s", s.name, line)
			}
		}
	}
}

func (f *fleet) all() []*slot { return append(append([]*slot{}, f.apis...), f.workers...) }

// freeAddress returns an address that is free at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// keep runs one process of a slot after the other until the fleet is stopped.
func (f *fleet) keep(s *slot) {
	for {
		s.mutex.Lock()
		cmd := reexec.Command(f.t, s.env, s.args...)
		if s.program != "" {
			cmd.Path = s.program
		}
		cmd.Stderr = &s.log
		err := cmd.Start()
		s.cmd, s.told = cmd, false
		s.started++
		s.mutex.Unlock()
		if err == nil {
			err = cmd.Wait()
		}
		s.mutex.Lock()
		if !s.told {
			s.ends = append(s.ends, fmt.Sprint(err))
		}
		s.mutex.Unlock()
		select {
		case <-f.stopped:
			return
		case <-time.After(restartPause):
		}
		select {
		case <-f.stopped:
			return
		default:
		}
	}
}

// stop stops all processes. A process that does not end is killed.
func (f *fleet) stop() {
	select {
	case <-f.stopped:
	default:
		close(f.stopped)
	}
	for _, s := range f.all() {
		s.signal(syscall.SIGCONT)
		s.signal(syscall.SIGTERM)
	}
	killer := time.AfterFunc(waitTimeout, func() {
		for _, s := range f.all() {
			if s.signal(syscall.SIGKILL) {
				f.t.Errorf("%s did not end within %s after SIGTERM", s.name, waitTimeout)
			}
		}
	})
	defer killer.Stop()
	f.running.Wait()
	for _, s := range f.all() {
		if len(s.ends) > 0 {
			f.t.Errorf("%s has ended without being told to: %s, log:\n%s", s.name, strings.Join(s.ends, "; "), tail(s.log.String()))
			s.ends = nil
		}
	}
}

// signal sends a signal to the present process; it reports false when there is none.
func (s *slot) signal(signal syscall.Signal) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return send(s.cmd, signal, &s.told)
}

func send(cmd *exec.Cmd, signal syscall.Signal, told *bool) bool {
	if cmd == nil || cmd.Process == nil {
		return false
	}
	if signal == syscall.SIGKILL || signal == syscall.SIGTERM {
		*told = true
	}
	return !errors.Is(cmd.Process.Signal(signal), os.ErrProcessDone)
}

// replace has the present process be followed by one of a program, and ends it.
func (s *slot) replace(program string) {
	s.mutex.Lock()
	s.program = program
	s.mutex.Unlock()
	s.signal(syscall.SIGTERM)
}

// freeze stops the present process, and returns what lets it go on.
func (s *slot) freeze() (thaw func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	cmd := s.cmd
	send(cmd, syscall.SIGSTOP, &s.told)
	return func() { send(cmd, syscall.SIGCONT, new(bool)) }
}

// pid returns the number of the present process; 0: there is none.
func (s *slot) pid() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.cmd == nil || s.cmd.Process == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

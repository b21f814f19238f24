// Package reexec lets tests run millrace as real processes, to which they can send real signals: the test binary starts
// itself again and behaves as the program.
package reexec

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"

	"github.com/millrace/millrace/cli"
)

// variable in the environment tells a test binary to behave as the program.
const variable = "MILLRACE_TEST_AS_BINARY"

// Main runs millrace and exits if Command made this process. It returns in a process that is to run tests. A TestMain
// must call it first.
func Main() {
	if os.Getenv(variable) == "" {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Command returns a command that runs millrace with env added to the environment. The caller starts it and waits for
// it.
func Command(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...) //nolint:noctx // the test stops it by a signal
	// What a user has set up for the program is not for tests.
	cmd.Env = append(os.Environ(), variable+"=1", "XDG_CONFIG_HOME=/nonexistent", "MILLRACE_TOKEN=")
	// The race detector would sleep for a second in each process that ends well, in case something still runs.
	cmd.Env = append(cmd.Env, "GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// Log collects the output of a process, which may be read while the process writes.
type Log struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.Write(p)
}

// Reset forgets the output so far.
func (l *Log) Reset() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.buffer.Reset()
}

// String returns the output so far.
func (l *Log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.String()
}

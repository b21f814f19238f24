package cli_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/internal/reexec"
)

// TestInterrupt: SIGINT during the computation, which does not finish because there is no worker.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	for _, test := range []struct {
		flag  string
		state client.MultiplicationState
		says  string
	}{
		{"--on-interrupt=ask", client.MultiplicationStatePending, "goes on"}, // there is no terminal
		{"--on-interrupt=leave", client.MultiplicationStatePending, "goes on"},
		{"--on-interrupt=cancel", client.MultiplicationStateCancelled, "is cancelled"},
	} {
		out := filepath.Join(t.TempDir(), "C.npy")
		p := start(t, d.client(), "multiply", "random:9x9", "random:9x9", "-o", out, test.flag)
		id := p.submitted()
		p.signal(os.Interrupt)
		_ = p.wait()
		if code := p.cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(p.stderr.String(), test.says) {
			t.Errorf("%s: code %d, %q, want 130 and %q", test.flag, code, p.stderr, test.says)
		}
		if test.says == "goes on" && !strings.Contains(p.stderr.String(), "millrace result "+id+" -o "+out) {
			t.Errorf("%s: got %q, want the command that downloads the result", test.flag, p.stderr)
		}
		if state := d.api.get(id).State; state != test.state {
			t.Errorf("%s: state = %s, want %s", test.flag, state, test.state)
		}
	}
	main.exit(syscall.SIGTERM)
}

// terminal is a millrace in a terminal.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	keys   *os.File
	screen *reexec.Log
	done   chan struct{} // closed when all output is on the screen
}

func startInTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	term := &terminal{
		t:      t,
		cmd:    reexec.Command(t, env, args...),
		screen: &reexec.Log{},
		done:   make(chan struct{}),
	}
	var err error
	if term.keys, err = pty.StartWithSize(term.cmd, &pty.Winsize{Rows: 25, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(term.done)
		_, _ = io.Copy(term.screen, term.keys) // until the process ends
	}()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		_ = term.cmd.Wait()
		<-term.done
		_ = term.keys.Close()
		if t.Failed() {
			t.Logf("the screen:\n%s", term.screen)
		}
	})
	return term
}

// until waits for a text on the screen.
func (term *terminal) until(text string) {
	term.t.Helper()
	until(term.t, "the screen shows "+text, func() bool { return strings.Contains(term.screen.String(), text) })
}

func (term *terminal) types(keys string) {
	term.t.Helper()
	if _, err := term.keys.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

const ctrlC = "\x03"

// TestInterruptInTerminal: Ctrl-C asks whether to cancel the multiplication.
func TestInterruptInTerminal(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	for _, test := range []struct {
		reply string
		state client.MultiplicationState
		says  string
	}{
		{"y\r", client.MultiplicationStateCancelled, "is cancelled"},
		{"\r", client.MultiplicationStatePending, "goes on"},
		{"n\r", client.MultiplicationStatePending, "goes on"},
		{ctrlC, client.MultiplicationStatePending, "goes on"},
	} {
		term := startInTerminal(t, d.client(), "multiply", "random:9x9", "random:9x9", "-o", filepath.Join(t.TempDir(), "C.npy"))
		term.until("multiply ")
		term.types(ctrlC)
		term.until("[y/N] ")
		term.types(test.reply)
		term.until(test.says)
		_ = term.cmd.Wait()
		if code := term.cmd.ProcessState.ExitCode(); code != 130 {
			t.Errorf("%q: code %d, want 130", test.reply, code)
		}
		list, err := d.api.List(t.Context(), client.ListMultiplicationsParams{Limit: new(int64(1))})
		if err != nil {
			t.Fatal(err)
		}
		if state := list.Items[0].State; state != test.state {
			t.Errorf("%q: state = %s, want %s", test.reply, state, test.state)
		}
	}
	main.exit(syscall.SIGTERM)
}

// TestServerRestarts: a download survives that the API is killed and another one takes its place.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	first := d.startAPI()
	worker := d.startWorker()
	var second *process
	p := startProxy(t, d.server, func(p *proxy) {
		first.signal(syscall.SIGKILL)
		_ = first.wait()
		second = d.startAPI()
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.target = strings.TrimPrefix(d.server, "http://")
	}, 1<<20)
	out := filepath.Join(t.TempDir(), "C.npy")
	_, stderr, code := run(t, []string{"MILLRACE_SERVER=" + p.url()}, "multiply", "random:700x40", "random:40x600", "-o", out)
	if code != 0 || p.breaks() != 1 || !p.sent("If-Range: ") {
		t.Errorf("code %d after %d breaks, want 0 after 1, resumed\n%s", code, p.breaks(), stderr)
	}
	if shape, _ := readMatrix(t, out); shape.Rows != 700 || shape.Cols != 600 {
		t.Errorf("the result is %s, want 700×600", shape)
	}
	worker.exit(syscall.SIGTERM)
	if second != nil {
		second.exit(syscall.SIGTERM)
	}
}

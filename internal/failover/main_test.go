package failover_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testdb"
)

func TestMain(m *testing.M) {
	reexec.Main()
	testdb.Main(m)
}

// waitTimeout bounds a wait that should end long before.
const waitTimeout = time.Minute

// until polls for a state of other processes.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", waitTimeout, what)
		}
	}
}

// freePort returns a port that is free at the moment.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // as it was asked to
}

// missing skips a test for want of a program, or fails it where none may be missing.
func missing(t testing.TB, program string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("there is no %s", program)
	}
	t.Skipf("there is no %s", program)
}

// servant is a user that runs what refuses to run as root, and a directory of that user.
type servant struct {
	t          testing.TB
	dir        string
	credential *syscall.Credential // nil: the user of this process
}

// newServant returns the user postgres, or that of this process if it is not root.
func newServant(t testing.TB) servant {
	t.Helper()
	dir, err := os.MkdirTemp("", "millrace-failover-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := servant{t: t, dir: dir}
	if os.Geteuid() != 0 {
		return s
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		missing(t, "user postgres")
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if uidErr != nil || gidErr != nil {
		t.Fatalf("the user postgres is %s, %s", u.Uid, u.Gid)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	s.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return s
}

// command returns a program that is run by the servant, in a process group of its own.
func (s servant) command(name string, args ...string) (*exec.Cmd, *reexec.Log) {
	log := &reexec.Log{}
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+s.dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true,
		Credential: s.credential,
	}
	return cmd, log
}

// run runs a program to its end.
func (s servant) run(name string, args ...string) {
	s.t.Helper()
	cmd, log := s.command(name, args...)
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("%s: %v\n%s", filepath.Base(name), err, log)
	}
}

// start starts a program, and returns what kills it and all that it has started.
func (s servant) start(name string, args ...string) (kill func()) {
	s.t.Helper()
	cmd, log := s.command(name, args...)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
		}
	}
	s.t.Cleanup(func() {
		kill()
		if s.t.Failed() {
			s.t.Logf("%s:\n%s", filepath.Base(name), log)
		}
	})
	return kill
}

// process is a running millrace.
type process struct {
	t   testing.TB
	cmd *exec.Cmd
	log *reexec.Log
}

// run starts millrace on a database, with more in the environment.
func run(t testing.TB, databaseURL string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, log: &reexec.Log{}}
	// What is submitted again is to be computed.
	settings := []string{"DATABASE_URL=" + databaseURL, "MILLRACE_LEASE=1s", "MILLRACE_REUSE=false"}
	p.cmd = reexec.Command(t, append(settings, env...), args...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s:\n%s", strings.Join(args, " "), p.log)
		}
	})
	return p
}

// kill ends the process without a word.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// awaitLog waits until the process has logged a text.
func (p *process) awaitLog(text string) {
	p.t.Helper()
	until(p.t, p.cmd.Args[1]+" logs "+text, func() bool { return strings.Contains(p.log.String(), text) })
}

// address matches that of the API in its log.
var address = regexp.MustCompile(`msg=serving api=(\S+)`)

// service is an API.
type service struct {
	t   testing.TB
	url string
}

// serve starts an API, which takes requests when serve returns.
func serve(t testing.TB, databaseURL string, env ...string) service {
	t.Helper()
	p := run(t, databaseURL, env, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	p.awaitLog("msg=serving")
	return service{t: t, url: address.FindStringSubmatch(p.log.String())[1]}
}

// work starts a worker.
func work(t testing.TB, databaseURL string, env ...string) *process {
	t.Helper()
	p := run(t, databaseURL, env, "worker", "--ops-addr=127.0.0.1:0", "--tiles=1", "--small=4")
	p.awaitLog("msg=ready")
	return p
}

// multiplication is what is read of one.
type multiplication struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Tiles struct {
		Running   int `json:"running"`
		Completed int `json:"completed"`
	} `json:"tiles"`
}

// send sends a request, and returns the status, what comes back, and whether to try again later.
func (s service) send(method, path, body, prefer string) (status int, m multiplication, later bool) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if prefer != "" {
		r.Header.Set("Prefer", prefer)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = json.Unmarshal(text, &m) // of a problem there is none
	if response.StatusCode >= http.StatusInternalServerError && response.StatusCode != http.StatusServiceUnavailable {
		s.t.Errorf("%s %s got %d, %s, want no error but 503", method, path, response.StatusCode, text)
	}
	return response.StatusCode, m, response.Header.Get("Retry-After") != ""
}

// submit submits a multiplication, which must be accepted.
func (s service) submit(body, prefer string) multiplication {
	s.t.Helper()
	status, m, _ := s.send(http.MethodPost, "/v1/multiplications", body, prefer)
	if status/100 != http.StatusOK/100 {
		s.t.Fatalf("a submission got %d, want that it is accepted", status)
	}
	return m
}

// get returns a multiplication.
func (s service) get(id string) multiplication {
	s.t.Helper()
	_, m, _ := s.send(http.MethodGet, "/v1/multiplications/"+id, "", "")
	return m
}

// awaitState waits until a multiplication has a state.
func (s service) awaitState(id, state string) {
	s.t.Helper()
	until(s.t, "the multiplication is "+state, func() bool { return s.get(id).State == state })
}

const (
	// small is a multiplication whose operands are in the request.
	small = `{"a": {"values": [[1, 2], [3, 4]]}, "b": {"values": [[5, 6], [7, 8]]}}`
	// manyTiles is one of 20 tiles, each about a tenth of a second.
	manyTiles = `{"a": {"random": {"rows": 10000, "cols": 300, "dtype": "float32"}},
		"b": {"random": {"rows": 300, "cols": 10000, "seed": 1, "dtype": "float32"}}}`
)

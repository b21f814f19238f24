package devdb

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// helperDir, in the environment of a copy of the test binary, makes that start a server on the directory (empty: a
// temporary one), print the pid of Postgres, the directory and the URL, and wait to be killed.
const helperDir = "DEVDB_TEST_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(helperDir); ok {
		if err := runHelper(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func runHelper(dir string) error {
	s, err := Start(context.Background(), Config{Dir: dir, NoFsync: true})
	if err != nil {
		return err
	}
	fmt.Println(s.process.cmd.Process.Pid, s.cluster.dir.path, s.URL())
	<-s.Done()
	return s.Err()
}

// helper is a process that runs a server.
type helper struct {
	cmd         *exec.Cmd
	postgresPID int
	dir, url    string
}

func startHelper(t *testing.T, dir string) helper {
	t.Helper()
	needPostgres(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h := helper{cmd: cmd}
	t.Cleanup(h.kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the helper did not start a server: %v", err)
	}
	fields := strings.Fields(line)
	if h.postgresPID, err = strconv.Atoi(fields[0]); err != nil {
		t.Fatal(err)
	}
	h.dir, h.url = fields[1], fields[2]
	return h
}

// kill sends SIGKILL, which the helper cannot handle.
func (h helper) kill() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
}

// needPostgres skips the test if no Postgres is installed; in CI, the test fails.
func needPostgres(t *testing.T) {
	t.Helper()
	acct, err := newAccount()
	if err == nil {
		_, err = findBinaries(t.Context(), Config{NoDownload: true}, acct, 0)
	}
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// start starts a server, which is stopped at the end of the test.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	needPostgres(t)
	cfg.NoFsync = true
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func execSQL(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func querySQL(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var value string
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// exists reports whether path exists.
func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}

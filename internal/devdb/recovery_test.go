package devdb

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func TestKilledParentTakesPostgresDown(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a parent-death signal")
	}
	h := startHelper(t, reachableTempDir(t))
	h.kill()
	ended, err := awaitEnd(t.Context(), h.postgresPID, filepath.Join(h.dir, dataName))
	if err != nil || !ended {
		t.Errorf("Postgres still runs: %v", err)
	}
}

func TestRestartRightAfterKill(t *testing.T) {
	t.Parallel()
	dir := reachableTempDir(t)
	h := startHelper(t, dir)
	execSQL(t, h.url, "CREATE TABLE kept AS SELECT 'yes' AS answer")
	h.kill()

	s := start(t, Config{Dir: dir})
	if got := querySQL(t, s.URL(), "SELECT answer FROM kept"); got != "yes" {
		t.Errorf("after the kill the database has %q", got)
	}
}

func TestLeftoverIsStopped(t *testing.T) {
	t.Parallel()
	dir := reachableTempDir(t)
	stop(t, start(t, Config{Dir: dir}))

	// A Postgres without a parent that holds the lock is what a killed parent leaves where there is no death signal.
	pl, err := openPlace(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := startIn(t.Context(), pl, Config{NoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := pl.lock.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir})
	select {
	case <-s.Done():
	default:
		t.Error("the leftover still runs beside the new one")
	}
}

func TestStalePidFile(t *testing.T) {
	t.Parallel()
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range map[string]int{
		"ended": ended.Process.Pid, "another process": os.Getppid(), "this process": os.Getpid(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := reachableTempDir(t)
			stop(t, start(t, Config{Dir: dir}))
			content := strconv.Itoa(pid) + "\n" + filepath.Join(dir, dataName) + "\n1\n5432\n\nlocalhost\n\nready\n"
			pidFile := filepath.Join(dir, dataName, pidFileName)
			writeFile(t, pidFile, content)
			giveAway(t, pidFile)
			start(t, Config{Dir: dir})
		})
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	dir := reachableTempDir(t)
	h := startHelper(t, dir)
	_, err := Start(t.Context(), Config{Dir: dir})
	if want := "already in use by pid " + strconv.Itoa(h.cmd.Process.Pid); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
	if err := ping(t.Context(), h.url); err != nil {
		t.Errorf("the first server suffers: %v", err)
	}
}

func TestSweepRemovesAbandoned(t *testing.T) {
	t.Setenv("TMPDIR", reachableTempDir(t))
	abandonedHelper, livingHelper := startHelper(t, ""), startHelper(t, "")
	abandonedHelper.kill()
	if !exists(t, abandonedHelper.dir) {
		t.Fatal("the killed process left nothing: this test tests nothing")
	}
	old := time.Now().Add(-time.Hour)
	for _, dir := range []string{abandonedHelper.dir, livingHelper.dir} {
		if err := os.Chtimes(dir, old, old); err != nil {
			t.Fatal(err)
		}
	}
	start(t, Config{})
	if exists(t, abandonedHelper.dir) {
		t.Error("what the killed process left is still there")
	}
	if err := ping(t.Context(), livingHelper.url); err != nil {
		t.Errorf("the living server suffers: %v", err)
	}
}

func TestUnfinishedInitdbIsRedone(t *testing.T) {
	t.Parallel()
	dir := reachableTempDir(t)
	unfinished := filepath.Join(dir, dataName+unfinishedSuffix)
	if err := os.MkdirAll(filepath.Join(unfinished, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unfinished, versionFileName), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir})
	if exists(t, unfinished) {
		t.Error("the unfinished database is still there")
	}
}

func TestTakenPortIsTransient(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Dir: reachableTempDir(t)})
	stop(t, s)
	taken, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = s.cluster.launchOn(t.Context(), uint32(taken.Addr().(*net.TCPAddr).Port))
	if !errors.Is(err, errTransient) || !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("got %v, want a transient error with Postgres's log", err)
	}
}

func TestOwnProcessGroup(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	group, err := syscall.Getpgid(s.process.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if group == syscall.Getpgrp() {
		t.Error("Postgres is in our process group: Ctrl-C in a terminal would reach it before us")
	}
}

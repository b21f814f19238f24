package devdb

import (
	"context"
	"errors"
	"log/slog"
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
	h := startHelper(t, t.TempDir())
	h.kill()
	ended, err := awaitEnd(t.Context(), h.postgresPID, filepath.Join(h.dir, dataName))
	if err != nil || !ended {
		t.Errorf("after the kill, awaitEnd() = %t, %v, want true", ended, err)
	}
}

func TestRestartRightAfterKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := startHelper(t, dir)
	execSQL(t, h.url, "CREATE TABLE kept AS SELECT 'yes' AS value")
	h.kill()

	s := start(t, Config{Dir: dir})
	if got := querySQL(t, s.URL(), "SELECT value FROM kept"); got != "yes" {
		t.Errorf("after the kill, the table has %q, want %q", got, "yes")
	}
}

func TestLeftoverIsStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, start(t, Config{Dir: dir}))

	// Where there is no parent-death signal, a killed process leaves a Postgres without a lock.
	d, err := openDirectory(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := startIn(t.Context(), d, Config{NoFsync: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.lock.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir})
	select {
	case <-s.Done():
	default:
		t.Error("the leftover Postgres still runs beside the new one")
	}
}

func TestStalePidFile(t *testing.T) {
	t.Parallel()
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range map[string]int{
		"ended":           ended.Process.Pid,
		"another process": os.Getppid(),
		"this process":    os.Getpid(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
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
	dir := t.TempDir()
	h := startHelper(t, dir)
	_, err := Start(t.Context(), Config{Dir: dir})
	want := "already in use by pid " + strconv.Itoa(h.cmd.Process.Pid)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("second Start() = %v, want an error with %q", err, want)
	}
	if err := ping(t.Context(), h.url); err != nil {
		t.Errorf("the first server, after the refused start: %v", err)
	}
}

func TestSweepRemovesAbandoned(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	abandonedHelper, livingHelper := startHelper(t, ""), startHelper(t, "")
	abandonedHelper.kill()
	if !exists(t, abandonedHelper.dir) {
		t.Fatalf("the killed process left no %s to sweep", abandonedHelper.dir)
	}
	old := time.Now().Add(-time.Hour)
	for _, dir := range []string{abandonedHelper.dir, livingHelper.dir} {
		if err := os.Chtimes(dir, old, old); err != nil {
			t.Fatal(err)
		}
	}
	start(t, Config{})
	if exists(t, abandonedHelper.dir) {
		t.Errorf("%s, left by a killed process, still exists", abandonedHelper.dir)
	}
	if err := ping(t.Context(), livingHelper.url); err != nil {
		t.Errorf("the living server, after the sweep: %v", err)
	}
}

func TestUnfinishedInitdbIsRedone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unfinished := filepath.Join(dir, dataName+unfinishedSuffix)
	if err := os.MkdirAll(filepath.Join(unfinished, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unfinished, versionFileName), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir})
	if exists(t, unfinished) {
		t.Errorf("%s still exists", unfinished)
	}
}

func TestTakenPortIsTransient(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Dir: t.TempDir()})
	stop(t, s)
	taken, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = s.cluster.launchOn(t.Context(), uint32(taken.Addr().(*net.TCPAddr).Port))
	if !errors.Is(err, errTransient) || !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("launchOn() of a taken port = %v, want a transient error with the log of Postgres", err)
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
		t.Errorf("the process group of Postgres is %d, want one of its own: Ctrl-C in a terminal must not reach it", group)
	}
}

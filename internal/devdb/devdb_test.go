package devdb

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestTemporaryLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := start(t, Config{})
	if got := querySQL(t, s.URL(), "SELECT current_database()"); got != databaseName {
		t.Errorf("connected to the database %q, want %q", got, databaseName)
	}
	if s.Err() != nil {
		t.Errorf("Err() of a running server = %v, want nil", s.Err())
	}
	stop(t, s)
	stop(t, s)
	<-s.Done()
	if s.Err() != nil {
		t.Errorf("Err() after Stop = %v, want nil", s.Err())
	}
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 0 {
		t.Errorf("the temporary directory holds %v, want nothing", entries)
	}
}

func TestStopFromManyGoroutines(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			if exists(t, s.cluster.dir.path) {
				t.Error("Stop returned before the directory was removed")
			}
		})
	}
	wg.Wait()
}

func TestPersistentKeepsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b c") // made by Start, parents included
	first := start(t, Config{Dir: dir})
	execSQL(t, first.URL(), "CREATE TABLE kept AS SELECT 'yes' AS value")
	stop(t, first)

	second := start(t, Config{Dir: dir})
	if got := querySQL(t, second.URL(), "SELECT value FROM kept"); got != "yes" {
		t.Errorf("the second run reads %q, want %q", got, "yes")
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	for name, want := range map[string]string{
		"server_encoding":         "UTF8",
		"TimeZone":                "UTC",
		"max_connections":         "200",
		"fsync":                   "off",
		"password_encryption":     "scram-sha-256",
		"unix_socket_directories": socketDirectory,
		"listen_addresses":        loopback,
	} {
		if got := querySQL(t, s.URL(), "SHOW "+name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	collate := querySQL(t, s.URL(), "SELECT datcollate FROM pg_database WHERE datname = current_database()")
	if collate != locale() {
		t.Errorf("the collation is %q, want %q", collate, locale())
	}
	if args := strings.Join(settings(1, true, true), " "); strings.Contains(args, "fsync") {
		t.Errorf("settings() of a durable server = %s, want nothing about fsync", args)
	}
	for _, direct := range []bool{false, true} {
		args := strings.Join(settings(1, true, direct), " ")
		if strings.Contains(args, "wal_sync_method=open_datasync") != direct {
			t.Errorf("settings() where the log is written directly: %t = %s", direct, args)
		}
	}
}

// TestLocalURL: connections go through a socket, of which a killed server leaves nothing behind, and by TCP where its
// path is too long.
func TestLocalURL(t *testing.T) {
	t.Parallel()
	short := t.TempDir()
	for dir, want := range map[string]string{
		short: "true",
		filepath.Join(t.TempDir(), strings.Repeat("long", 25)): "false",
	} {
		s := start(t, Config{Dir: dir})
		if got := querySQL(t, s.LocalURL(), "SELECT (inet_client_addr() IS NULL)::text"); got != want {
			t.Errorf("in %s a connection is one by a socket: %s, want %s", dir, got, want)
		}
		stop(t, s)
	}
	stale := filepath.Join(short, dataName, socketPrefix+"1")
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stop(t, start(t, Config{Dir: short}))
	if exists(t, stale) {
		t.Errorf("%s is still there", stale)
	}
}

func TestPasswordIsNeeded(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	info, err := os.Stat(filepath.Join(s.cluster.dir.path, dataName, passwordName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the password file has mode %v, want %v", info.Mode(), os.FileMode(0o600))
	}
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(roleName, "guess")
	if err := ping(t.Context(), u.String()); err == nil {
		t.Error("connecting with a wrong password succeeds, want an error")
	}
}

func TestPostgresDies(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	if err := s.process.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(fastTimeout):
		t.Fatalf("Done() is not closed %v after the signal", fastTimeout)
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "fast shutdown request") {
		t.Errorf("Err() = %v, want the log of Postgres in it", err)
	}
	stop(t, s)
	if exists(t, s.cluster.dir.path) {
		t.Errorf("after Stop, %s still exists", s.cluster.dir.path)
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "on its own") {
		t.Errorf("Err() after Stop = %v, want that Postgres ended on its own", err)
	}
}

func TestCancelDuringStart(t *testing.T) {
	needPostgres(t)
	t.Setenv("TMPDIR", t.TempDir())
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		s, err := Start(ctx, Config{NoFsync: true})
		cancel()
		if err == nil { // a fast machine
			stop(t, s)
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Start() cancelled after %v = %v, want %v", after, err, context.DeadlineExceeded)
		}
		if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) != 0 {
			t.Errorf("Start() cancelled after %v left %v, %v, want nothing", after, entries, err)
		}
	}
}

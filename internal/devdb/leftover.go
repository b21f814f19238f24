package devdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// postmaster is the content of postmaster.pid, which Postgres keeps in its data directory.
type postmaster struct {
	pid   int
	ready bool
}

// Lines of postmaster.pid, numbered from 0; src/include/utils/pidfile.h of Postgres numbers them from 1.
const (
	pidFileName   = "postmaster.pid"
	pidLine       = 0
	pidStatusLine = 7
)

// readPostmaster returns false if there is no postmaster.pid, or one that is not yet written.
func readPostmaster(data string) (postmaster, bool, error) {
	content, err := os.ReadFile(filepath.Join(data, pidFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return postmaster{}, false, nil
	}
	if err != nil {
		return postmaster{}, false, fmt.Errorf("read the pid of Postgres: %w", err)
	}
	lines := strings.Split(string(content), "\n")
	var pid int
	if _, err := fmt.Sscan(lines[pidLine], &pid); err != nil {
		return postmaster{}, false, nil //nolint:nilerr // Postgres is writing the file at this moment
	}
	// A single-user Postgres writes its pid with a minus sign.
	pm := postmaster{pid: max(pid, -pid)}
	pm.ready = len(lines) > pidStatusLine && strings.TrimSpace(lines[pidStatusLine]) == "ready"
	return pm, true, nil
}

// stopLeftover ends a Postgres that an earlier, killed process left running on the data directory, or waits for it if
// it is shutting down. The caller holds the lock of the directory, so no other Server owns that Postgres.
func stopLeftover(ctx context.Context, data string) error {
	pm, ok, err := readPostmaster(data)
	if err != nil || !ok {
		return err
	}
	if !isPostgresOn(pm.pid, data) {
		return removeStalePidFile(pm.pid, data)
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := syscall.Kill(pm.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the Postgres (pid %d) that an earlier run left on %s: %w", pm.pid, data, err)
		}
		if ended, err := awaitEnd(ctx, pm.pid, data); ended || err != nil {
			return err
		}
	}
	return fmt.Errorf("the Postgres (pid %d) that an earlier run left on %s does not stop", pm.pid, data)
}

func awaitEnd(ctx context.Context, pid int, data string) (bool, error) {
	for deadline := time.Now().Add(fastTimeout / 2); time.Now().Before(deadline); {
		if !isPostgresOn(pid, data) {
			return true, nil
		}
		if err := pause(ctx, pollInterval); err != nil {
			return false, err
		}
	}
	return false, nil
}

// removeStalePidFile removes the file of a dead Postgres whose pid now belongs to another process: Postgres would take
// that for a running Postgres and refuse to start. A file whose pid is free is left to Postgres, which also looks for
// surviving backends.
func removeStalePidFile(pid int, data string) error {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return nil
	}
	err := os.Remove(filepath.Join(data, pidFileName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the stale pid file of Postgres: %w", err)
	}
	return nil
}

package devdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

const (
	dataName    = "data"
	logFileName = "postgres.log"

	// maxLogBytes is where a new start puts the log of Postgres aside.
	maxLogBytes = 16 << 20
)

// place is the directory of one database:
//
//	lock          held while the database is used
//	data/         the cluster, and the password of its superuser
//	postgres.log
//
// When we are root it stays root's, so that the user who owns data/ cannot trick us with a link in it.
type place struct {
	dir       string // Config.Dir, absolute; empty for an ephemeral database
	base      string // where the database is
	ephemeral bool
	lock      *os.File
}

// openPlace locks the directory. That of an ephemeral database is made later, by settle.
func openPlace(dir string) (*place, error) {
	if dir == "" {
		return &place{ephemeral: true}, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("database directory: %w", err)
	}
	if err := makeReachable(abs); err != nil {
		return nil, err
	}
	lock, err := takeLock(abs)
	if err != nil {
		return nil, err
	}
	pl := &place{dir: abs, base: abs, lock: lock}
	location, err := os.ReadFile(filepath.Join(abs, locationName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, errors.Join(fmt.Errorf("find the database: %w", err), pl.close())
	default:
		pl.base = strings.TrimSpace(string(location))
	}
	return pl, nil
}

// data is the cluster's directory, or "" where an ephemeral place is not settled.
func (pl *place) data() string {
	if pl.base == "" {
		return ""
	}
	return filepath.Join(pl.base, dataName)
}

func (pl *place) logFile() string { return filepath.Join(pl.base, logFileName) }

// close gives the directory back, and removes it if it was temporary.
func (pl *place) close() error {
	var errs []error
	if pl.ephemeral && pl.base != "" {
		errs = append(errs, os.RemoveAll(pl.base))
	}
	if pl.lock != nil {
		errs = append(errs, pl.lock.Close())
	}
	return errors.Join(errs...)
}

// settle makes sure that the account can reach the directory, and finds another one if it cannot.
func (pl *place) settle(ctx context.Context, acct account, bin binaries, log *slog.Logger) error {
	if pl.ephemeral {
		return pl.settleEphemeral(ctx, acct, bin)
	}
	reason := acct.reaches(ctx, bin, pl.base)
	if reason == nil {
		return rotateLog(pl.logFile())
	}
	if _, err := os.Stat(pl.base); errors.Is(err, fs.ErrNotExist) && os.Geteuid() == 0 {
		return pl.moveToSystemDir(acct, log)
	}
	if acct.isSelf() || pl.base != pl.dir {
		return fmt.Errorf("%s cannot use the directory %s: %w", acct.name, pl.base, reason)
	}
	if _, err := os.Stat(pl.data()); err == nil {
		return fmt.Errorf("%s, who owns the database in %s, can no longer reach it; make its parent directories searchable: %w",
			acct.name, pl.base, reason)
	}
	return pl.moveToSystemDir(acct, log)
}

// makeReachable makes a directory which other users can pass through, though not list, whatever the umask. One that
// exists is changed only if it is empty, hence not yet anybody's.
func makeReachable(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return fmt.Errorf("make the database directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("database directory: %w", err)
	}
	if len(entries) > 0 || os.Geteuid() != 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return fmt.Errorf("make the database directory: %w", err)
	}
	return nil
}

// reaches reports why the account cannot work in dir. Running a program there is the one test that knows of every
// parent's mode, of access control lists and of whatever else the system has.
func (a account) reaches(ctx context.Context, bin binaries, dir string) error {
	_, err := a.run(ctx, dir, bin.path("postgres"), "--version")
	return err
}

func rotateLog(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxLogBytes {
		err = os.Rename(path, path+".old")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put the old log of Postgres aside: %w", err)
	}
	return nil
}

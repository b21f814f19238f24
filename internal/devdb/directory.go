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
	"syscall"
	"time"
)

const (
	temporaryPrefix = "millrace-db-"

	dataName    = "data"
	logFileName = "postgres.log"
	passName    = "passfile"

	// movedName is the file in which earlier versions noted the directory that they had moved a database to.
	movedName = "location"

	// maxLogBytes is the size from which a new start renames the log of Postgres.
	maxLogBytes = 16 << 20
)

// directory holds one database:
//
//	lock          locked while the database is used
//	data/         the cluster, and the password of its superuser
//	passfile      that password, as programs of Postgres read it
//	postgres.log
//
// It belongs to the user of this process; data/ belongs to the account that Postgres runs as.
type directory struct {
	path      string // absolute
	temporary bool
	lock      *os.File
}

// openDirectory makes and locks the directory at path; an empty path is a new temporary one in parent.
func openDirectory(ctx context.Context, path, parent string) (*directory, error) {
	d := &directory{path: path}
	if path == "" {
		sweep(ctx, parent)
		var err error
		if d.path, err = os.MkdirTemp(parent, temporaryPrefix); err != nil {
			return nil, fmt.Errorf("make a temporary directory for the database: %w", err)
		}
		d.temporary = true
	}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *directory) open() error {
	abs, err := filepath.Abs(d.path)
	if err != nil {
		return fmt.Errorf("database directory: %w", err)
	}
	d.path = abs
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return fmt.Errorf("make the database directory: %w", err)
	}
	d.lock, err = takeLock(d.path)
	return err
}

func (d *directory) data() string    { return filepath.Join(d.path, dataName) }
func (d *directory) logFile() string { return filepath.Join(d.path, logFileName) }

func (d *directory) passFile() string { return filepath.Join(d.path, passName) }

// writePassFile writes the file of the password, which only the user of this process may read: Postgres' programs
// ignore it otherwise.
func (d *directory) writePassFile(password string) error {
	escaped := strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(password)
	if err := os.Remove(d.passFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(d.passFile(), []byte("*:*:*:*:"+escaped+"\n"), 0o600)
}

// close unlocks the directory, and removes it if it is temporary.
func (d *directory) close() error {
	var errs []error
	if d.temporary {
		errs = append(errs, os.RemoveAll(d.path))
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// linkMoved replaces the note of a moved database by a symbolic link to it. Earlier versions, when run by root, kept
// the database below /var/lib/millrace if the account that Postgres runs as could not reach the directory.
func (d *directory) linkMoved(log *slog.Logger) error {
	note := filepath.Join(d.path, movedName)
	content, err := os.ReadFile(note)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	moved := filepath.Join(strings.TrimSpace(string(content)), dataName)
	if err := os.Symlink(moved, d.data()); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("link to the database: %w", err)
	}
	if err := os.Remove(note); err != nil {
		return fmt.Errorf("link to the database: %w", err)
	}
	log.Info("an earlier version moved the database; the data directory is now a link to it",
		"directory", d.path, "database", moved)
	return nil
}

// rotateLog renames the log of Postgres if it has become large.
func (d *directory) rotateLog() error {
	info, err := os.Stat(d.logFile())
	if err == nil && info.Size() > maxLogBytes {
		err = os.Rename(d.logFile(), d.logFile()+".old")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("rename the old log of Postgres: %w", err)
	}
	return nil
}

// sweep removes the temporary directories that killed processes left in parent. An error does not prevent a start, so
// it is ignored.
func sweep(ctx context.Context, parent string) {
	paths, err := filepath.Glob(filepath.Join(parent, temporaryPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range paths {
		if abandoned(path) {
			sweepOne(ctx, path)
		}
	}
}

// abandoned reports whether path is a directory of this user that is old enough for its maker to have locked it.
func abandoned(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func sweepOne(ctx context.Context, path string) {
	lock, err := takeLock(path)
	if err != nil {
		return
	}
	defer lock.Close()
	if err := stopLeftover(ctx, filepath.Join(path, dataName)); err != nil {
		return
	}
	_ = os.RemoveAll(path)
}

package devdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const ephemeralPrefix = "millrace-db-"

// settleEphemeral makes a temporary directory that the account can reach. TMPDIR may be below a directory of ours that
// it cannot; the system's own are open to all.
func (pl *place) settleEphemeral(ctx context.Context, acct account, bin binaries) error {
	parents := []string{os.TempDir()}
	if !acct.isSelf() {
		parents = append(parents, "/tmp", "/var/tmp")
	}
	var errs []error
	for _, parent := range parents {
		sweep(ctx, parent)
		if err := pl.makeTemp(parent); err != nil {
			errs = append(errs, err)
			continue
		}
		err := acct.reaches(ctx, bin, pl.base)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s cannot use %s: %w", acct.name, pl.base, err), pl.close())
		pl.base, pl.lock = "", nil
	}
	return fmt.Errorf("make a temporary directory for the database: %w", errors.Join(errs...))
}

func (pl *place) makeTemp(parent string) error {
	dir, err := os.MkdirTemp(parent, ephemeralPrefix)
	if err != nil {
		return err
	}
	pl.base = dir
	if err := os.Chmod(dir, 0o711); err != nil {
		return errors.Join(err, pl.close())
	}
	pl.lock, err = takeLock(dir)
	if err != nil {
		return errors.Join(err, pl.close())
	}
	return nil
}

// sweep removes what killed processes of ours left in parent. Failing to is no reason not to start.
func sweep(ctx context.Context, parent string) {
	dirs, err := filepath.Glob(filepath.Join(parent, ephemeralPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if abandoned(dir) {
			sweepOne(ctx, dir)
		}
	}
}

// abandoned reports whether dir is a directory of this user that is old enough for its maker to have locked it.
func abandoned(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func sweepOne(ctx context.Context, dir string) {
	lock, err := takeLock(dir)
	if err != nil {
		return
	}
	defer lock.Close()
	if err := stopLeftover(ctx, filepath.Join(dir, dataName)); err != nil {
		return
	}
	_ = os.RemoveAll(dir)
}

package devdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

const (
	versionFileName = "PG_VERSION"

	// passwordName is a file of the data directory, so that a moved directory keeps its password.
	passwordName = "millrace.password"

	// unfinishedSuffix marks a data directory that initdb has not finished.
	unfinishedSuffix = ".unfinished"
)

// cluster is a data directory and what is needed to start a Postgres on it.
type cluster struct {
	bin      binaries
	account  account
	dir      *directory
	fsync    bool
	password string
}

// clusterVersion returns the major version that made a data directory; 0 if there is none yet.
func clusterVersion(data string) (int, error) {
	content, err := os.ReadFile(filepath.Join(data, versionFileName))
	if err == nil {
		major, err := strconv.Atoi(strings.TrimSpace(string(content)))
		if err != nil {
			return 0, fmt.Errorf("%s holds no PostgreSQL database that this program can use: %w", data, err)
		}
		return major, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		_, ownerErr := ownerOf(data)
		return 0, errors.Join(ownerErr, err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("look at the database: %w", err)
	}
	entries, err := os.ReadDir(data)
	if errors.Is(err, fs.ErrNotExist) {
		if target, err := os.Readlink(data); err == nil {
			return 0, fmt.Errorf("%s is a link to a directory that does not exist, %s: remove it to begin a new database",
				data, target)
		}
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at the database: %w", err)
	}
	if len(entries) > 0 {
		return 0, fmt.Errorf("%s is not empty and holds no PostgreSQL database: move it or use another directory", data)
	}
	return 0, nil
}

// ensure makes the cluster if there is none, and reads its password.
func (c *cluster) ensure(ctx context.Context, exists bool) error {
	if !exists {
		if err := c.create(ctx); err != nil {
			return fmt.Errorf("make the database: %w", err)
		}
	}
	password, err := os.ReadFile(filepath.Join(c.dir.data(), passwordName))
	if err != nil {
		return fmt.Errorf("read the password of the database: %w", err)
	}
	c.password = strings.TrimSpace(string(password))
	if err := c.dir.writePassFile(c.password); err != nil {
		return fmt.Errorf("write the password of the database: %w", err)
	}
	return nil
}

// create makes the cluster in an intermediate directory and renames it at the end: after an interrupted initdb, the
// next start finds no cluster and begins again.
func (c *cluster) create(ctx context.Context) error {
	unfinished := c.dir.data() + unfinishedSuffix
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	password := filepath.Join(unfinished, passwordName)
	if err := os.WriteFile(password, []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	if err := errors.Join(c.account.own(unfinished), c.account.own(password)); err != nil {
		return err
	}
	if err := c.initdb(ctx, unfinished); err != nil {
		return err
	}
	data := filepath.Join(unfinished, dataName)
	if err := os.Rename(password, filepath.Join(data, passwordName)); err != nil {
		return err
	}
	if err := os.Rename(data, c.dir.data()); err != nil {
		return err
	}
	return errors.Join(os.Remove(unfinished), syncDir(c.dir.path))
}

// initdb makes the cluster in the subdirectory data/ of dir, with the password that is in dir.
func (c *cluster) initdb(ctx context.Context, dir string) error {
	shared, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = shared.Close() }()
	cmd := c.account.command(ctx, c.bin.path("initdb"))
	path := shareDirectory(cmd, c.account, shared)
	cmd.Args = append(cmd.Args,
		"--pgdata="+filepath.Join(path, dataName),
		"--pwfile="+filepath.Join(path, passwordName),
		"--username="+roleName,
		"--auth=scram-sha-256",
		"--encoding=UTF8",
		"--locale="+locale(),
	)
	if !c.fsync {
		cmd.Args = append(cmd.Args, "--no-sync")
	}
	if _, err := output(ctx, cmd); err != nil {
		return fmt.Errorf("initdb as %s in %s: %w", c.account.name, dir, err)
	}
	return nil
}

// locale sorts by bytes: the order of a language changes, and breaks indexes, when the system's library is updated.
// Older versions of macOS have no C.UTF-8.
func locale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "C"
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

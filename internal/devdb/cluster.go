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

	// passwordName is inside the data directory, so that the two are never parted.
	passwordName = "millrace.password"

	// unfinishedSuffix marks a data directory that initdb has not finished.
	unfinishedSuffix = ".unfinished"
)

// cluster is a data directory and what it takes to start a Postgres on it.
type cluster struct {
	bin      binaries
	account  account
	data     string
	logFile  string
	fsync    bool
	password string
}

// clusterVersion is the major version that a data directory was made with: 0 if there is none yet.
func clusterVersion(data string) (int, error) {
	if data == "" {
		return 0, nil
	}
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
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at the database: %w", err)
	}
	if len(entries) > 0 {
		return 0, fmt.Errorf("%s is not empty and holds no PostgreSQL database: move it away or use another directory", data)
	}
	return 0, nil
}

// ensure makes the cluster if there is none, and reads its password.
func (c *cluster) ensure(ctx context.Context) error {
	major, err := clusterVersion(c.data)
	if err != nil {
		return err
	}
	if major == 0 {
		if err := c.create(ctx); err != nil {
			return err
		}
	}
	password, err := os.ReadFile(filepath.Join(c.data, passwordName))
	if err != nil {
		return fmt.Errorf("read the password of the database: %w", err)
	}
	c.password = strings.TrimSpace(string(password))
	return nil
}

// create runs initdb in a directory beside the final one and renames it at the end, so that an interrupted one is never
// taken for a database and the next start begins again.
func (c *cluster) create(ctx context.Context) error {
	unfinished := c.data + unfinishedSuffix
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove an unfinished database: %w", err)
	}
	if err := c.initialize(ctx, unfinished); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	if err := os.Rename(unfinished, c.data); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return syncDir(filepath.Dir(c.data))
}

func (c *cluster) initialize(ctx context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := c.account.give(dir); err != nil {
		return err
	}
	// initdb wants an empty directory, so the password starts beside it.
	password := dir + ".password"
	if err := os.WriteFile(password, []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	if err := c.account.give(password); err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + dir, "--username=" + roleName, "--pwfile=" + password, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=" + locale(),
	}
	if !c.fsync {
		args = append(args, "--no-sync")
	}
	if _, err := c.account.run(ctx, dir, c.bin.path("initdb"), args...); err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	return os.Rename(password, filepath.Join(dir, passwordName))
}

// locale sorts by bytes on every system: text sorted by a language's rules changes its order, and breaks indexes, when
// the system's library is updated. macOS has had no C.UTF-8 for most of its life.
func locale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "C"
}

// syncDir makes a rename in dir survive a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

package devdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	embedded "github.com/fergusstrange/embedded-postgres"
)

const (
	downloadPrefix  = "postgres-"
	downloadTimeout = 10 * time.Minute

	// defaultMajor is the version to download for a new database.
	defaultMajor = 17
)

var downloadVersions = map[int]embedded.PostgresVersion{
	14: embedded.V14, 15: embedded.V15, 16: embedded.V16, 17: embedded.V17, 18: embedded.V18,
}

// download fetches the programs of a major version (0: the default one) into the cache.
func download(ctx context.Context, cfg Config, acct account, cache string, major int) (binaries, error) {
	if major == 0 {
		major = defaultMajor
	}
	if err := ctx.Err(); err != nil { // or the select below might see a failure of the same moment first
		return binaries{}, err
	}
	version, ok := downloadVersions[major]
	if !ok {
		return binaries{}, fmt.Errorf("there is no download of PostgreSQL %d", major)
	}
	if err := makeReachable(cache); err != nil {
		return binaries{}, err
	}
	tmp, err := os.MkdirTemp(cache, ".download-")
	if err != nil {
		return binaries{}, fmt.Errorf("make a directory for it: %w", err)
	}
	cfg.Log.Info("no PostgreSQL is installed: downloading it", "version", string(version), "to", cache)

	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	fetched := make(chan error, 1)
	go func() { fetched <- fetch(ctx, tmp, cfg.Repository, version) }()
	select {
	case <-ctx.Done():
		// The library has no way to interrupt it. What it still writes is removed when it ends, if we live that long.
		go func() {
			<-fetched //nolint:errcheck // nobody waits for the result any more
			_ = os.RemoveAll(tmp)
		}()
		return binaries{}, ctx.Err()
	case err = <-fetched:
	}
	if err == nil {
		err = install(filepath.Join(tmp, programsName), filepath.Join(cache, downloadPrefix+string(version)))
	}
	if err := errors.Join(err, os.RemoveAll(tmp)); err != nil {
		return binaries{}, err
	}
	return probe(ctx, acct, filepath.Join(cache, downloadPrefix+string(version), "bin"))
}

const programsName = "programs"

// fetch downloads and unpacks into tmp/programs. The library can do that only as the first part of a whole start, so it
// is given a data directory that looks initialised and holds nothing: the start then ends in an error right after the
// part that we want. (As root it would end there anyway.)
func fetch(ctx context.Context, tmp, repository string, version embedded.PostgresVersion) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	data := filepath.Join(tmp, dataName)
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("prepare the download: %w", err)
	}
	if err := os.WriteFile(filepath.Join(data, versionFileName), []byte(majorOf(version)), 0o600); err != nil {
		return fmt.Errorf("prepare the download: %w", err)
	}
	conf := embedded.DefaultConfig().Version(version).Port(port).DataPath(data).Logger(io.Discard).StartTimeout(time.Second).
		CachePath(filepath.Join(tmp, "archive")).RuntimePath(filepath.Join(tmp, "run")).
		BinariesPath(filepath.Join(tmp, programsName))
	if repository != "" {
		conf = conf.BinaryRepositoryURL(repository)
	}
	before := libraryLogs()
	startErr := embedded.NewDatabase(conf).Start()
	for _, log := range libraryLogs() {
		if !slices.Contains(before, log) {
			_ = os.Remove(log)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if _, err := os.Stat(filepath.Join(tmp, programsName, "bin", "initdb")); err != nil {
		return cmp.Or(startErr, err)
	}
	return nil
}

func majorOf(version embedded.PostgresVersion) string {
	for major, v := range downloadVersions {
		if v == version {
			return strconv.Itoa(major)
		}
	}
	return ""
}

// libraryLogs lists the log files that the library makes in the temporary directory and leaves there.
func libraryLogs() []string {
	logs, err := filepath.Glob(filepath.Join(os.TempDir(), "embedded_postgres_log*"))
	if err != nil {
		return nil
	}
	return logs
}

// install moves the complete programs into place in one step, open to all users whatever the umask was.
func install(from, to string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		return fmt.Errorf("open the programs to all users: %w", err)
	}
	// Another process may have been faster; its copy is as good.
	if err := os.Rename(from, to); err != nil {
		if _, statErr := os.Stat(filepath.Join(to, "bin", "postgres")); statErr == nil {
			return nil
		}
		return fmt.Errorf("keep the download: %w", err)
	}
	return nil
}

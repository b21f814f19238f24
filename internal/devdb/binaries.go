package devdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minMajor is the oldest Postgres that the migrations and River work with.
const minMajor = 14

// ErrNoPostgres means that no usable Postgres is installed and none was downloaded.
var ErrNoPostgres = errors.New("no usable PostgreSQL found")

// installHint is the end of a message about missing programs.
const installHint = "install it with `apt-get install postgresql` (Debian, Ubuntu), " +
	"`dnf install postgresql-server` (Fedora) or `brew install postgresql@17` (macOS)"

// binDirs are the places where packages put programs that are not in PATH.
var binDirs = []string{
	"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
	"/usr/libexec/postgresql*",  // Alpine
	"/usr/pgsql-*/bin",          // postgresql.org's packages for Red Hat and kin
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// binaries is a directory with the programs of one version of Postgres.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// findBinaries chooses programs that the account can run: those in PATH, else the newest. An existing cluster needs
// those of its own major version; 0 means any. If none is installed, findBinaries downloads them.
func findBinaries(ctx context.Context, cfg Config, acct account, major int) (binaries, error) {
	cache, _ := cacheDir() // without one, there are no downloads to find
	bin, reasons := installed(ctx, acct, major, cache)
	if bin.dir != "" {
		return bin, nil
	}
	if ctx.Err() != nil {
		return binaries{}, ctx.Err()
	}
	if !cfg.NoDownload {
		bin, err := downloadBinaries(ctx, cfg, acct, major)
		if err == nil {
			return bin, nil
		}
		reasons = append(reasons, fmt.Errorf("download it: %w", err))
	}
	return binaries{}, noPostgres(major, reasons)
}

func downloadBinaries(ctx context.Context, cfg Config, acct account, major int) (binaries, error) {
	cache, err := cacheDir()
	if err != nil {
		return binaries{}, err
	}
	d := downloader{
		repository: mavenCentral,
		cache:      cache,
		digests:    downloadDigests,
		unpinned:   cfg.Unpinned,
		log:        cfg.Log,
	}
	dir, err := d.install(ctx, major)
	if err != nil {
		return binaries{}, err
	}
	return probe(ctx, acct, dir)
}

// noPostgres returns an ErrNoPostgres that says what was tried and what to install.
func noPostgres(major int, reasons []error) error {
	err := ErrNoPostgres
	if major != 0 {
		err = fmt.Errorf("%w for a database that PostgreSQL %d made", err, major)
	}
	err = fmt.Errorf("%w; %s", err, installHint)
	if len(reasons) > 0 {
		err = fmt.Errorf("%w; tried: %w", err, errors.Join(reasons...))
	}
	return err
}

// installed returns the best of the candidates, and the reasons against the others.
func installed(ctx context.Context, acct account, major int, cache string) (binaries, []error) {
	var best binaries
	var reasons []error
	for i, dir := range candidateDirs(cache) {
		bin, err := probe(ctx, acct, dir)
		switch {
		case err != nil:
			reasons = append(reasons, err)
		case bin.major < minMajor || major != 0 && bin.major != major:
			reasons = append(reasons, fmt.Errorf("%s has PostgreSQL %d", dir, bin.major))
		case i == 0:
			return bin, nil
		case bin.major > best.major:
			best = bin
		}
	}
	return best, reasons
}

// candidateDirs lists the directories with a program postgres: that in PATH first, downloads last.
func candidateDirs(cache string) []string {
	var patterns []string
	if path, err := exec.LookPath("postgres"); err == nil {
		patterns = append(patterns, filepath.Dir(path))
	}
	patterns = append(patterns, binDirs...)
	if cache != "" {
		patterns = append(patterns, filepath.Join(cache, downloadPrefix+"*", "bin"))
	}
	var dirs []string
	for _, pattern := range patterns {
		programs, err := filepath.Glob(filepath.Join(pattern, "postgres"))
		if err != nil {
			continue
		}
		for _, program := range programs {
			// A program in PATH may be a link to one whose companions, such as initdb, are elsewhere.
			if real, err := filepath.EvalSymlinks(program); err == nil && !slices.Contains(dirs, filepath.Dir(real)) {
				dirs = append(dirs, filepath.Dir(real))
			}
		}
	}
	return dirs
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// probe runs the programs of a directory as the account, which shows that it may run them, and their version.
func probe(ctx context.Context, acct account, dir string) (binaries, error) {
	bin := binaries{dir: dir}
	for _, program := range []string{"initdb", "postgres"} {
		out, err := output(ctx, acct.command(ctx, bin.path(program), "--version"))
		if err != nil {
			return binaries{}, fmt.Errorf("%s cannot run %s: %w", acct.name, bin.path(program), err)
		}
		match := versionPattern.FindStringSubmatch(out)
		if match == nil {
			return binaries{}, fmt.Errorf("%s --version prints no version: %s", bin.path(program), strings.TrimSpace(out))
		}
		bin.major, err = strconv.Atoi(match[1])
		if err != nil {
			return binaries{}, fmt.Errorf("version of %s: %w", bin.path(program), err)
		}
	}
	return bin, nil
}

// cacheDir returns the directory of downloaded programs. That of root is not in its home, because other users run them.
func cacheDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/millrace", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return filepath.Join(dir, "millrace"), nil
}

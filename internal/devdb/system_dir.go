package devdb

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// systemDir is for root only: a database goes here if the user that Postgres runs as cannot reach Config.Dir.
	systemDir = "/var/lib/millrace"

	// locationName is the file in Config.Dir that says which directory below systemDir has its database, and originName
	// the one there that says whose it is.
	locationName = "location"
	originName   = "origin"
)

// moveToSystemDir gives a new database a directory that the account can reach, and leaves a note of it in the one that
// was asked for, where the next start finds it.
func (pl *place) moveToSystemDir(acct account, log *slog.Logger) error {
	sweepSystemDir()
	sum := sha256.Sum256([]byte(pl.dir))
	base := filepath.Join(systemDir, filepath.Base(pl.dir)+"-"+hex.EncodeToString(sum[:6]))
	// Without the note, what is there belongs to a directory of the same name that its owner has since deleted.
	if _, err := os.Stat(base); err == nil {
		old := base + ".old-" + time.Now().UTC().Format("20060102T150405.000")
		if err := os.Rename(base, old); err != nil {
			return fmt.Errorf("put an abandoned database aside: %w", err)
		}
		log.Warn("an older database of this directory was put aside; remove it if it is not needed",
			"directory", pl.dir, "aside", old)
	}
	for _, dir := range []string{systemDir, base} {
		if err := makeReachable(dir); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(base, originName), []byte(pl.dir+"\n"), 0o644); err != nil {
		return fmt.Errorf("note whose database it is: %w", err)
	}
	if err := os.WriteFile(filepath.Join(pl.dir, locationName), []byte(base+"\n"), 0o644); err != nil {
		return fmt.Errorf("note where the database is: %w", err)
	}
	log.Info("the database is kept elsewhere, because the user that Postgres runs as cannot reach its directory",
		"user", acct.name, "directory", pl.dir, "kept_in", base)
	pl.base = base
	return nil
}

// sweepSystemDir removes databases of temporary directories that are gone, such as those of tests. Others stay: what
// looks gone may be a disk that is not mounted at the moment. Failing to remove is no reason not to start.
func sweepSystemDir() {
	origins, err := filepath.Glob(filepath.Join(systemDir, "*", originName))
	if err != nil {
		return
	}
	for _, file := range origins {
		base := filepath.Dir(file)
		origin, err := os.ReadFile(file)
		if err == nil && goneTemporary(strings.TrimSpace(string(origin))) && !inUse(filepath.Join(base, dataName)) {
			_ = os.RemoveAll(base)
		}
	}
}

// goneTemporary reports whether dir was in a directory for temporary files and exists no more.
func goneTemporary(dir string) bool {
	for _, tmp := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if strings.HasPrefix(dir, tmp+string(filepath.Separator)) {
			_, err := os.Lstat(dir) //nolint:gosec // whether it exists is all that is asked, and systemDir is root's
			return errors.Is(err, fs.ErrNotExist)
		}
	}
	return false
}

// inUse reports whether a Postgres runs on the data directory, or may.
func inUse(data string) bool {
	pm, ok, err := readPostmaster(data)
	return err != nil || ok && isPostgresOn(pm.pid, data)
}

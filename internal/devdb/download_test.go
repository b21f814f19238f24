package devdb

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mirror starts a Maven repository with the same archive under every name.
func mirror(t *testing.T, archive []byte) *httptest.Server {
	t.Helper()
	sum := sha256.Sum256(archive)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.Contains(r.URL.Path, "/embedded-postgres-binaries-"):
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, ".sha256"):
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
		default:
			_, _ = w.Write(archive)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// fakeProgram prints its version and can do nothing else.
const fakeProgram = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'fake (PostgreSQL) 17.5'\n"

// fakeArchive returns fake programs, packed as the real ones are: a .txz in a .jar.
func fakeArchive(t *testing.T) []byte {
	t.Helper()
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("the archive is packed with xz, which is not installed")
	}
	dir := t.TempDir()
	for _, program := range []string{"postgres", "initdb.real"} {
		path := filepath.Join(dir, "bin", program)
		writeFile(t, path, fakeProgram)
		if err := os.Chmod(path, 0o700); err != nil { // as under a strict umask: other users cannot run it
			t.Fatal(err)
		}
	}
	if err := os.Symlink("initdb.real", filepath.Join(dir, "bin", "initdb")); err != nil {
		t.Fatal(err)
	}
	txz := filepath.Join(t.TempDir(), "postgres.txz")
	if out, err := exec.Command("tar", "-C", dir, "-cJf", txz, "bin").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	content, err := os.ReadFile(txz)
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.Create("postgres-linux.txz")
	if err == nil {
		_, err = w.Write(content)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

// newDownloader returns a downloader that knows the digest of an archive as that of the default version.
func newDownloader(repository, cache string, archive []byte) downloader {
	sum := sha256.Sum256(archive)
	pin := platform() + " " + downloadVersions[defaultMajor]
	return downloader{
		repository: repository,
		cache:      cache,
		digests:    map[string]string{pin: hex.EncodeToString(sum[:])},
		log:        slog.New(slog.DiscardHandler),
	}
}

// openTempDir returns a t.TempDir that other users can reach: they run what root downloads.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDownload(t *testing.T) {
	archive := fakeArchive(t)
	server := mirror(t, archive)
	cache := filepath.Join(openTempDir(t), "cache")
	for range 2 { // the second is another process that began before the first had ended
		dir, err := newDownloader(server.URL, cache, archive).install(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		acct, err := newAccount()
		if err != nil {
			t.Fatal(err)
		}
		bin, err := probe(t.Context(), acct, dir)
		if err != nil || bin.major != defaultMajor {
			t.Errorf("probe() of the download = version %d, %v, want %d", bin.major, err, defaultMajor)
		}
		if entries, err := os.ReadDir(cache); err != nil || len(entries) != 1 {
			t.Errorf("the cache holds %v, %v, want only the programs", entries, err)
		}
		if dirs := candidateDirs(cache); !slices.Contains(dirs, dir) {
			t.Errorf("candidateDirs() = %v, want %s among them", dirs, dir)
		}
	}
}

func TestDownloadFails(t *testing.T) {
	cache := t.TempDir()
	archive := fakeArchive(t)
	noArchive := mirror(t, []byte("not an archive"))
	closed := mirror(t, archive)
	closed.Close()
	damaged := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.URL.Path)) // for the archive as for its checksum
	}))
	t.Cleanup(damaged.Close)
	unchecked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(archive)
	}))
	t.Cleanup(unchecked.Close)
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	for name, test := range map[string]struct {
		repository string
		major      int
		unpinned   bool
		want       string
	}{
		"no archive":      {noArchive.URL, 16, true, "not a valid zip file"},
		"wrong checksum":  {damaged.URL, 16, true, "the checksum is"},
		"no checksum":     {unchecked.URL, 16, true, "404"},
		"another archive": {noArchive.URL, defaultMajor, true, "the checksum is"},
		"no known digest": {noArchive.URL, 16, false, "--unpinned-postgres"},
		"not there":       {empty.URL, 16, true, "404"},
		"no network":      {closed.URL, 16, true, "connection refused"},
		"unknown version": {closed.URL, 9, true, "there is no download of PostgreSQL 9"},
	} {
		d := newDownloader(test.repository, cache, archive)
		d.unpinned = test.unpinned
		_, err := d.install(t.Context(), test.major)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: install() = %v, want an error with %q", name, err, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newDownloader(noArchive.URL, cache, archive).install(ctx, defaultMajor); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: install() = %v, want %v", err, context.Canceled)
	}
	if entries, err := os.ReadDir(cache); err != nil || len(entries) != 0 {
		t.Errorf("the cache holds %v, %v, want nothing", entries, err)
	}
}

func TestNoPostgresSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", "")
	_, err := findBinaries(t.Context(), Config{NoDownload: true}, account{uid: uint32(os.Geteuid())}, 99)
	if !errors.Is(err, ErrNoPostgres) {
		t.Fatalf("findBinaries() = %v, want %v", err, ErrNoPostgres)
	}
	for _, want := range []string{"PostgreSQL 99", "apt-get install postgresql", "brew install"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("findBinaries() = %v, want an error with %q", err, want)
		}
	}
}

// TestDownloadIsPinned: the digest of the default version is known for the common platforms.
func TestDownloadIsPinned(t *testing.T) {
	t.Parallel()
	for _, platform := range []string{"linux-amd64", "linux-arm64v8", "darwin-amd64", "darwin-arm64v8"} {
		digest := downloadDigests[platform+" "+downloadVersions[defaultMajor]]
		if sum, err := hex.DecodeString(digest); err != nil || len(sum) != sha256.Size {
			t.Errorf("digest of the download for %s = %q, want a SHA-256", platform, digest)
		}
	}
}

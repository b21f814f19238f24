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
	"strings"
	"testing"
)

// mirror is a Maven repository with one archive under every name.
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

// fakeProgram tells its version and fails at everything else, as pg_ctl does on a directory without a database.
const fakeProgram = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'fake (PostgreSQL) 17.5'\n"

// fakeArchive has programs that can only tell their version, packed as the real ones are: a .txz in a .jar.
func fakeArchive(t *testing.T) []byte {
	t.Helper()
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("this test packs its archive with xz")
	}
	dir := t.TempDir()
	for _, program := range []string{"postgres", "initdb", "pg_ctl"} {
		path := filepath.Join(dir, "bin", program)
		writeFile(t, path, fakeProgram)
		if err := os.Chmod(path, 0o700); err != nil { // as under a strict umask: other users cannot run it
			t.Fatal(err)
		}
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

func downloadConfig(repository string) Config {
	return Config{Repository: repository, Log: slog.New(slog.DiscardHandler)}
}

func TestDownload(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	server := mirror(t, fakeArchive(t))
	cache := filepath.Join(reachableTempDir(t), "cache")
	acct, err := accountFor("", false)
	if err != nil {
		t.Fatal(err)
	}
	bin, err := download(t.Context(), downloadConfig(server.URL), acct, cache, 0)
	if err != nil {
		t.Fatal(err)
	}
	if bin.major != defaultMajor {
		t.Errorf("downloaded version %d, want %d", bin.major, defaultMajor)
	}
	if entries, err := os.ReadDir(cache); err != nil || len(entries) != 1 {
		t.Errorf("the cache holds %v, %v; want the programs only", entries, err)
	}
	if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) != 0 {
		t.Errorf("the temporary directory holds %v, %v", entries, err)
	}
	t.Setenv("PATH", "")
	if !strings.Contains(strings.Join(candidateDirs(cache), " "), bin.dir) {
		t.Error("the next start does not find the download")
	}
}

func TestDownloadFails(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	cache := reachableTempDir(t)
	server := mirror(t, []byte("not an archive"))
	_, err := download(t.Context(), downloadConfig(server.URL), account{}, cache, 16)
	if err == nil || !strings.Contains(err.Error(), "error fetching postgres") {
		t.Errorf("broken archive: %v", err)
	}
	if _, err := download(t.Context(), downloadConfig(server.URL), account{}, cache, 9); err == nil {
		t.Error("a version that does not exist was downloaded")
	}
	server.Close()
	_, err = download(t.Context(), downloadConfig(server.URL), account{}, cache, 16)
	if err == nil || !strings.Contains(err.Error(), "unable to connect") {
		t.Errorf("no network: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = download(ctx, downloadConfig(server.URL), account{}, cache, 16); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNoPostgresSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", "")
	_, err := findBinaries(t.Context(), Config{NoDownload: true}, account{uid: uint32(os.Geteuid())}, 99)
	if !errors.Is(err, ErrNoPostgres) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"PostgreSQL 99", "apt-get install postgresql", "brew install"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

package devdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	mavenCentral = "https://repo1.maven.org/maven2"

	downloadPrefix  = "postgres-"
	downloadTimeout = 10 * time.Minute

	// defaultMajor is the version to download for a new database.
	defaultMajor = 17
)

// downloadVersions are the releases of https://github.com/zonkyio/embedded-postgres-binaries, by major version.
var downloadVersions = map[int]string{
	14: "14.18.0",
	15: "15.13.0",
	16: "16.9.0",
	17: "17.11.0",
	18: "18.3.0",
}

// downloadDigests are the SHA-256 of the archives, by platform and version. A checksum of the server that sends an
// archive shows only that nothing was lost on the way.
var downloadDigests = map[string]string{
	"darwin-amd64 17.11.0":   "d464ff178e9860ba204662ac23fa547504b7fd392392ff2fb92e3fd73b5bdb64",
	"darwin-arm64v8 17.11.0": "a1c2786acb0c398f9b2d76806fc52f5dc8b222cbc8e9383a9b9702084daaf3a5",
	"linux-amd64 17.11.0":    "0dd7b72b6f335b8ecfb355fa24c5781e8a93edd09880bb77eb52ebbf29b3e96d",
	"linux-arm64v8 17.11.0":  "8b042e0ea418b1927d95399207950da0734d27fe01e29503ade3bdc464ad4c2b",
}

// downloader installs the programs of Postgres from a Maven repository into a cache directory.
type downloader struct {
	repository string
	cache      string
	digests    map[string]string // as downloadDigests
	unpinned   bool              // take the checksum of the repository where digests has none
	log        *slog.Logger
}

// install downloads a major version (0: the default one) and returns its directory of programs.
func (d downloader) install(ctx context.Context, major int) (string, error) {
	if major == 0 {
		major = defaultMajor
	}
	version, ok := downloadVersions[major]
	if !ok {
		return "", fmt.Errorf("there is no download of PostgreSQL %d", major)
	}
	d.log.Info("no PostgreSQL is installed: downloading it", "version", version, "to", d.cache)
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	archive, err := d.fetch(ctx, version)
	if err != nil {
		return "", err
	}
	// Other users run the programs when root installs them.
	if err := errors.Join(os.MkdirAll(d.cache, 0o755), os.Chmod(d.cache, 0o755)); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	unpacked, err := os.MkdirTemp(d.cache, ".download-")
	if err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(unpacked) }()
	if err := unpack(archive, unpacked); err != nil {
		return "", fmt.Errorf("unpack PostgreSQL %s: %w", version, err)
	}
	programs := filepath.Join(d.cache, downloadPrefix+version)
	bin := filepath.Join(programs, "bin")
	// The rename fails if another process has installed the same version meanwhile, which is fine.
	if err := os.Rename(unpacked, programs); err != nil {
		if _, statErr := os.Stat(filepath.Join(bin, "postgres")); statErr != nil {
			return "", fmt.Errorf("keep the download: %w", err)
		}
	}
	return bin, nil
}

// errUnpinned means that this version of Millrace does not know the digest of a download.
var errUnpinned = errors.New("its digest is not known to this version of Millrace; install PostgreSQL, or trust the " +
	"server of the download with --unpinned-postgres (MILLRACE_UNPINNED_POSTGRES=true)")

// fetch downloads the archive of a version for this platform and checks its digest.
func (d downloader) fetch(ctx context.Context, version string) ([]byte, error) {
	artifact := "embedded-postgres-binaries-" + platform()
	file := artifact + "-" + version + ".jar"
	want, pinned := d.digests[platform()+" "+version]
	if !pinned && !d.unpinned {
		return nil, fmt.Errorf("%s: %w", file, errUnpinned)
	}
	url := strings.Join([]string{d.repository, "io/zonky/test/postgres", artifact, version, file}, "/")
	archive, err := get(ctx, url)
	if err != nil {
		return nil, err
	}
	if !pinned {
		checksum, err := get(ctx, url+".sha256")
		if err != nil {
			return nil, err
		}
		want = strings.TrimSpace(string(checksum))
	}
	got := sha256.Sum256(archive)
	if hex.EncodeToString(got[:]) != want {
		return nil, fmt.Errorf("%s: the checksum is %x, want %s", url, got, want)
	}
	return archive, nil
}

// platform is the part of an archive's name that says where its programs run.
func platform() string {
	arch := runtime.GOARCH
	if arch == "arm64" {
		arch = "arm64v8"
	}
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		arch += "-alpine" // for musl, Alpine's libc
	}
	return runtime.GOOS + "-" + arch
}

func get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r) //house:ignore bound its context has downloadTimeout
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: the response is %s", url, response.Status)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return content, nil
}

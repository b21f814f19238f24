// Package release tests scripts/release.sh.
package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// script returns the command that builds a release for the platform of this machine into a folder.
func script(t *testing.T, folder string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../scripts/release.sh")
	cmd.Env = append(os.Environ(), "VERSION=", "OUT="+folder, "PLATFORMS="+runtime.GOOS+"/"+runtime.GOARCH, "DOCKER_HOST=unix:///nonexistent")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// version returns the version of the Python package, which is that of everything.
func version(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../python/millrace/_version.py")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`__version__ = "(.*)"`).FindStringSubmatch(string(text))[1]
}

// unpack writes the files of an archive into a folder.
func unpack(t *testing.T, archive, folder string) {
	t.Helper()
	packed, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, header.Name)
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else if data, readErr := io.ReadAll(files); readErr != nil {
			err = readErr
		} else {
			err = os.WriteFile(path, data, os.FileMode(header.Mode))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs the tar of GNU")
	}
	folder := filepath.Join(t.TempDir(), "out")
	if out, err := script(t, folder).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	number := version(t)
	name := fmt.Sprintf("millrace_%s_%s_%s", number, runtime.GOOS, runtime.GOARCH)
	unpacked := t.TempDir()
	unpack(t, filepath.Join(folder, name+".tar.gz"), unpacked)
	said, err := exec.CommandContext(t.Context(), filepath.Join(unpacked, name, "millrace"), "version").Output()
	if want := "millrace v" + number; err != nil || !strings.HasPrefix(string(said), want) {
		t.Errorf("millrace version = %q, %v, want %s", said, err, want)
	}
	for _, file := range []string{"README.md", "LICENSE", "NOTICE"} {
		if _, err := os.Stat(filepath.Join(unpacked, name, file)); err != nil {
			t.Error(err)
		}
	}
	checksums, err := os.ReadFile(filepath.Join(folder, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{name + ".tar.gz", "millrace-" + number + "-py3-none-any.whl", "millrace-" + number + ".tar.gz", "openapi.yaml"} {
		data, err := os.ReadFile(filepath.Join(folder, file))
		if want := fmt.Sprintf("%x  %s\n", sha256.Sum256(data), file); err != nil || !strings.Contains(string(checksums), want) {
			t.Errorf("%s: %v; checksums.txt is %s, want %s", file, err, checksums, want)
		}
	}
}

// TestReleaseOfAnotherVersion: what is built has the version that was asked for, or is not built.
func TestReleaseOfAnotherVersion(t *testing.T) {
	t.Parallel()
	out, err := script(t, t.TempDir(), "VERSION=v99.0.0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not v99.0.0") {
		t.Errorf("a release of v99.0.0: %v, %s, want a refusal", err, out)
	}
}

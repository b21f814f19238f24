package cli_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/millrace/millrace/internal/reexec"
)

// fixed is the arguments of a multiplication whose result is always the same.
var fixed = []string{"multiply", "random:60x40:1", "random:40x50:2", "--quiet", "-o"}

// testOutputInPlace: what is not a regular file is written to, and not replaced by one.
func (b *clientBundle) testOutputInPlace(t *testing.T) {
	want, _ := b.ok(t, append(fixed, "-")...)
	t.Run("pipe", func(t *testing.T) { b.testPipe(t, want) })
	t.Run("device", b.testDevice)
	t.Run("link to standard output", func(t *testing.T) { b.testStdoutLink(t, want) })
	t.Run("link", func(t *testing.T) { b.testLink(t, want) })
	t.Run("damaged", b.testDamagedInPlace)
}

// testPipe: a named pipe stays one, and its reader gets the result. It needs no --force, which overwrites nothing here.
func (b *clientBundle) testPipe(t *testing.T, want string) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		text, _ := os.ReadFile(pipe)
		read <- string(text)
	}()
	b.ok(t, append(fixed, pipe)...)
	if got := <-read; got != want {
		t.Errorf("the pipe delivered %d bytes, want the %d of the result", len(got), len(want))
	}
	wantMode(t, pipe, fs.ModeNamedPipe)
	noParts(t, pipe)
}

// testDevice: a node of the null device, made for this test, stays one.
func (b *clientBundle) testDevice(t *testing.T) {
	device := filepath.Join(t.TempDir(), "null")
	const null = 1<<8 | 3 // of Linux
	if err := syscall.Mknod(device, syscall.S_IFCHR|0o600, null); err != nil || runtime.GOOS != "linux" {
		t.Skipf("no right to make a device, or another system: %v", err)
	}
	if file, err := os.OpenFile(device, os.O_WRONLY, 0); err != nil {
		t.Skipf("no right to open a device in this directory: %v", err)
	} else if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	b.ok(t, append(fixed, device, "--force")...)
	b.ok(t, append(fixed, device)...)
	wantMode(t, device, fs.ModeDevice|fs.ModeCharDevice)
	noParts(t, device)
}

// testStdoutLink: a link to the standard output means the same as -, also where that is a file with content.
func (b *clientBundle) testStdoutLink(t *testing.T, want string) {
	link := filepath.Join(t.TempDir(), "stdout")
	if err := os.Symlink("/dev/stdout", link); err != nil {
		t.Fatal(err)
	}
	if got, _ := b.ok(t, append(fixed, link)...); got != want {
		t.Errorf("standard output has %d bytes, want the %d of the result", len(got), len(want))
	}
	wantMode(t, link, fs.ModeSymlink)
	wantFailure(t, b.env, 2, "standard output", append(fixed, link, "--json")...)

	path := filepath.Join(t.TempDir(), "file")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.WriteString("before"); err != nil {
		t.Fatal(err)
	}
	cmd := reexec.Command(t, b.env, append(fixed, link)...)
	cmd.Stdout = file
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "before"+want {
		t.Errorf("the file of standard output has %d bytes, %v, want what was in it and the %d of the result",
			len(got), err, len(want))
	}
}

// testLink: a link to a file stays one, and the file has the result.
func (b *clientBundle) testLink(t *testing.T, want string) {
	dir := t.TempDir()
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	for target, path := range map[string]string{"file": link, ".": filepath.Join(dir, "dir")} {
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	b.ok(t, append(fixed, link)...) // the file is not there yet
	for range 2 {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("the file has %d bytes, %v, want the %d of the result", len(got), err, len(want))
		}
		wantMode(t, link, fs.ModeSymlink)
		wantMode(t, file, 0)
		wantFailure(t, b.env, 2, "--force", append(fixed, link)...)
		if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 100_000), 0o600); err != nil {
			t.Fatal(err)
		}
		b.ok(t, append(fixed, link, "--force")...)
	}
	wantFailure(t, b.env, 2, "is a directory", append(fixed, filepath.Join(dir, "dir"), "--force")...)
}

// testDamagedInPlace: a file that is written in place is empty after an error.
func (b *clientBundle) testDamagedInPlace(t *testing.T) {
	dir := t.TempDir()
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, b.server(), nil)
	p.damageAt(10_000)
	wantFailure(t, b.env, 1, "digest", append(fixed, link, "--server="+p.url())...)
	if info, err := os.Stat(file); err != nil || info.Size() != 0 {
		t.Errorf("Stat(file) = %v, %v, want an empty file", info, err)
	}
}

// wantMode checks what a path is.
func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != want {
		t.Errorf("Lstat(%s) = %v, %v, want type %v", path, info, err, want)
	}
}

// testInterruptedPipe: a command that waits for the reader of a pipe can be interrupted.
func (b *clientBundle) testInterruptedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, b.env, "multiply", "random:2x2", "random:2x2", "-o", pipe)
	p.untilLogs("multiply ")
	p.signal(syscall.SIGINT)
	if err := p.wait(); p.cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("the command ended with %v, want code 130", err)
	}
}

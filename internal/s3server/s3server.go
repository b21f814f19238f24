// Package s3server gives tests a real S3-compatible server: a process of tools/s3server, which is built once for all
// tests of a machine.
package s3server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// The credentials of the server's only client.
const (
	AccessKey = "millrace"
	SecretKey = "5ecretOfTheTests"
	// Bucket is the name of the only bucket.
	Bucket = "blocks"
)

// current is the server of this test binary while tests use it.
var current struct {
	mutex   sync.Mutex
	users   int
	address string
	stop    func()
}

// Start returns host and port of a server, which ends when no test uses it any more. From then on the environment has
// its credentials.
func Start(t testing.TB) string {
	t.Helper()
	current.mutex.Lock()
	defer current.mutex.Unlock()
	if current.users == 0 {
		address, stop, err := start()
		if err != nil {
			t.Fatal(err)
		}
		current.address, current.stop = address, stop
	}
	current.users++
	t.Cleanup(func() {
		current.mutex.Lock()
		defer current.mutex.Unlock()
		if current.users--; current.users == 0 {
			current.stop()
		}
	})
	return current.address
}

// start starts a server and returns its address.
func start() (address string, stop func(), err error) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID":     AccessKey,
		"AWS_SECRET_ACCESS_KEY": SecretKey,
	} {
		if err := os.Setenv(name, value); err != nil {
			return "", nil, err
		}
	}
	binary, err := build()
	if err != nil {
		return "", nil, err
	}
	for range 5 { // another process may have taken the port
		if address, stop, err = serve(binary); err == nil {
			break
		}
	}
	return address, stop, err
}

// Address returns the address, for the setting of a block store, of a prefix in the bucket below which there is
// nothing.
func Address(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("s3://%s/%s?endpoint=http://%s", Bucket, uuid.New(), Start(t))
}

// tools returns the folder of the module with the server: a test runs in the folder of its package.
func tools() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		tools := filepath.Join(folder, "tools")
		if _, err := os.Stat(filepath.Join(tools, "s3server")); err == nil {
			return tools, nil
		}
		if folder == filepath.Dir(folder) {
			err = os.ErrNotExist
		}
		folder = filepath.Dir(folder)
	}
	return "", fmt.Errorf("looking for the source of the S3 server: %w", err)
}

// build returns the path of the server's binary. It builds it unless one of the same source is there.
func build() (string, error) {
	tools, err := tools()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, name := range []string{"go.sum", filepath.Join("s3server", "main.go")} {
		text, err := os.ReadFile(filepath.Join(tools, name))
		if err != nil {
			return "", err
		}
		_, _ = hash.Write(text)
	}
	name := "millrace-s3server-" + hex.EncodeToString(hash.Sum(nil)[:8])
	path := filepath.Join(os.TempDir(), name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	partial := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer func() { _ = os.Remove(partial) }()
	//nolint:noctx // a build with constant arguments
	command := exec.Command("go", "build", "-ldflags=-s -w", "-o", partial, "./s3server")
	command.Dir = tools
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the S3 server: %w\n%s", err, out)
	}
	return path, os.Rename(partial, path)
}

// serve starts a server and returns its address when it accepts connections.
func serve(binary string) (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return "", nil, err
	}
	address = listener.Addr().String()
	_ = listener.Close()
	command := exec.Command(binary, address, Bucket) //nolint:noctx // ends with its standard input
	var said bytes.Buffer
	command.Stderr = &said
	input, err := command.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		//house:ignore bound refused or accepted at once
		conn, err := net.Dial("tcp", address) //nolint:noctx // refused or accepted at once
		if err == nil {
			_ = conn.Close()
			return address, func() {
				_ = input.Close()
				if err := <-ended; err != nil {
					_, _ = fmt.Fprintln(os.Stderr, "s3server:", err, &said)
				}
			}, nil
		}
		select {
		case err := <-ended:
			return "", nil, fmt.Errorf("the S3 server has ended: %w\n%s", err, &said)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

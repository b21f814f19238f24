// Command s3server is an S3-compatible server for tests: the posix backend of versitygw on a directory of its own, with
// one bucket. It ends when its standard input does, and so with the test that has started it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	if err := run(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves on an address, the first argument, a bucket, the second one. The environment has the credentials of its
// only client.
func run() (err error) {
	if len(os.Args) != 3 {
		return errors.New("usage: s3server ADDRESS BUCKET")
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	directory, err := os.MkdirTemp("", "millrace-s3-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	if err := os.Mkdir(filepath.Join(directory, os.Args[2]), 0o700); err != nil { //#nosec G703 -- of tests
		return err
	}
	backend, err := posix.New(directory, meta.XattrMeta{}, posix.PosixOpts{CopyObjectThreshold: 5 << 30})
	if err != nil {
		return err
	}
	return embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		RootUserAccess:    os.Getenv("AWS_ACCESS_KEY_ID"),
		RootUserSecret:    os.Getenv("AWS_SECRET_ACCESS_KEY"),
		Ports:             []string{os.Args[1]},
		MaxConnections:    1000,
		MaxRequests:       1000,
		MultipartMaxParts: 10_000,
		Quiet:             true,
		KeepAlive:         true,
		DisableACLs:       true,
	})
}

package jobs

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// told is an error of an attempt as clients read it. The full text, which may name paths and addresses of servers, is
// for the log.
type told struct {
	text string
	full error
}

// Error implements error.
func (t *told) Error() string { return t.text }

// Unwrap returns the error with the full text.
func (t *told) Unwrap() error { return t.full }

// forClients returns an error with a text for clients: its own, if that is Millrace's, else its class.
func forClients(err error) error {
	var (
		path      *fs.PathError
		link      *os.LinkError
		call      *os.SyscallError
		errno     syscall.Errno
		operation *net.OpError
		lookup    *net.DNSError
		database  *pgconn.PgError
		connect   *pgconn.ConnectError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &database), errors.As(err, &connect):
		return &told{text: "the database failed", full: err}
	case errors.As(err, &operation), errors.As(err, &lookup):
		return &told{text: "a connection failed", full: err}
	case errors.As(err, &path), errors.As(err, &link), errors.As(err, &call), errors.As(err, &errno):
		return &told{text: "the block store failed", full: err}
	}
	return err
}

// forLog returns the error with the full text.
func forLog(err error) error {
	var t *told
	if errors.As(err, &t) {
		return t.full
	}
	return err
}

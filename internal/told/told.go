// Package told separates what clients are told of an error from what is logged. Errors of the system, of the network
// and of the database name paths, addresses and hosts of the server: of these clients are told the class.
package told

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// toldError is an error as clients read it. The full text is for the log.
type toldError struct {
	text string
	full error
}

// Error implements error.
func (t *toldError) Error() string { return t.text }

// Unwrap returns the error with the full text.
func (t *toldError) Unwrap() error { return t.full }

// ForClients returns an error with a text for clients: its own, if that is Millrace's, else its class.
func ForClients(err error) error {
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
		return &toldError{text: "the database failed", full: err}
	case errors.As(err, &operation), errors.As(err, &lookup):
		return &toldError{text: "a connection failed", full: err}
	case errors.As(err, &path), errors.As(err, &link), errors.As(err, &call), errors.As(err, &errno):
		return &toldError{text: "the block store failed", full: err}
	}
	return err
}

// ForLog returns the error with the full text.
func ForLog(err error) error {
	var t *toldError
	if errors.As(err, &t) {
		return t.full
	}
	return err
}

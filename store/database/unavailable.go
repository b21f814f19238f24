package database

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unavailable reports whether err means that the database cannot be reached, does not respond in time, takes no writes,
// or is shutting down or starting up. The condition passes; what was committed is safe.
func Unavailable(err error) bool {
	var connect *pgconn.ConnectError
	var server *pgconn.PgError
	switch {
	case errors.As(err, &connect), errors.Is(err, context.DeadlineExceeded), pgconn.Timeout(err):
		return true
	case errors.As(err, &server):
		return unavailableCode(server.Code)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, syscall.ETIMEDOUT), pgconn.SafeToRetry(err): // a connection that is lost
		return true
	}
	return false
}

// lockNotAvailable is the SQLSTATE of a statement that did not get a lock in time.
const lockNotAvailable = "55P03"

// Locked reports whether err means that another transaction holds a lock for too long.
func Locked(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == lockNotAvailable
}

// unavailableCode reports whether a SQLSTATE says so.
func unavailableCode(code string) bool {
	switch code {
	case "25006", // read-only: a standby, or a primary that was demoted
		"25P03", // idle in a transaction for too long: this process was frozen
		lockNotAvailable,
		"40001", "40P01", // others ran beside it, or a migration; what may run again has done so
		"57014": // a statement was cancelled: it took too long
		return true
	}
	class := code[:min(2, len(code))]
	return class == "08" || class == "53" || strings.HasPrefix(code, "57P") // lost, out of resources, shut down
}

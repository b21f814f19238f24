package database

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Permanent reports whether connecting failed for a reason that waiting does not mend: the connection string, the
// credentials or the name of the database are wrong. All else may pass: a server that is not there yet, whose name is
// not known yet, that starts, recovers, or has no connection left.
func Permanent(err error) bool {
	var server *pgconn.PgError
	var certificate *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, errNoURL), errors.Is(err, errURL), errors.Is(err, errURLFile):
		return true
	case errors.As(err, &certificate), errors.As(err, &unknown):
		return true
	case errors.As(err, &server):
		return permanentCode(server.Code)
	}
	return err != nil && strings.Contains(err.Error(), "server refused TLS connection")
}

// permanentCode reports whether a SQLSTATE at the start of a session means that no other attempt will do better.
func permanentCode(code string) bool {
	switch code {
	case "08P01", // a pooler refuses a parameter
		"22023", // a parameter has a value that Postgres refuses
		"3D000", // the database does not exist
		"42501", // the role must not connect
		"42704": // a parameter does not exist
		return true
	}
	return strings.HasPrefix(code, "28") // unknown role, wrong password, no entry in pg_hba.conf
}

// ErrReadOnly means that the server takes no writes: it is a standby, or recovers.
var ErrReadOnly = errors.New("the database is read-only")

// Querier is a pool or a connection.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// CheckWritable returns ErrReadOnly when the server takes no writes.
func CheckWritable(ctx context.Context, db Querier) error {
	var writable bool
	const sql = "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean"
	if err := db.QueryRow(ctx, sql).Scan(&writable); err != nil {
		return err
	}
	if !writable {
		return ErrReadOnly
	}
	return nil
}

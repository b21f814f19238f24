package database

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// settings are settings of a session, which bound what Postgres does for a client that is frozen or lost.
type settings []struct{ name, value string }

// sessionSettings are those of every connection but the ones of migrations.
var sessionSettings = append(settings{
	// The locks of a process that is frozen or lost in the middle of a transaction are released after this time.
	{"idle_in_transaction_session_timeout", "15s"},
	// A statement waits this long for a row that another one has locked.
	{"lock_timeout", "10s"},
	// No statement takes so long, maintenance included: its process has ended without being able to cancel it.
	{"statement_timeout", "15min"},
}, usualTransport.settings()...)

// migrationSettings are those of migrations, which may rewrite tables. One that waits for a lock of a table keeps all
// others from it, and may wait for a statement that waits for it: it gives up before Postgres looks for deadlocks,
// after a second, and begins again.
var migrationSettings = append(settings{{"lock_timeout", "500ms"}}, usualTransport.settings()...)

// withoutCheck matches the versions of Postgres that refuse client_connection_check_interval, by their platforms.
const withoutCheck = "mingw|visual c|darwin"

// sql returns a statement that makes the settings. It leaves alone what the connection string, the role or the
// database has set, and what this Postgres does not know. It is a statement, and not a part of the startup message,
// since poolers refuse connections with parameters that they do not know.
func (s settings) sql() string {
	values := make([]string, len(s))
	for i, setting := range s {
		values[i] = fmt.Sprintf("('%s', '%s')", setting.name, setting.value)
	}
	return "SELECT set_config(name, value, false)" +
		" FROM (VALUES " + strings.Join(values, ", ") + ") AS wanted (name, value)" +
		" JOIN pg_settings USING (name)" +
		" WHERE source NOT IN ('client', 'user', 'database', 'database user', 'session')" +
		" AND NOT (name = 'client_connection_check_interval' AND version() ~* '" + withoutCheck + "')"
}

// apply makes the settings on a new connection. The pool connects in the background, with a context that does not end.
func (s settings) apply(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, conn.Config().ConnectTimeout)
	defer cancel()
	if _, err := conn.PgConn().Exec(ctx, s.sql()).ReadAll(); err != nil {
		return fmt.Errorf("setting timeouts: %w", err)
	}
	return nil
}

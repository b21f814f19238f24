package database

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Sent stands in for a connection on which a query has been sent already, in a batch, so that generated code can read
// its rows. It can do nothing else.
type Sent struct {
	pgx.Tx
	rows pgx.Rows
}

// NewSent returns a Sent whose query has these rows.
func NewSent(rows pgx.Rows) Sent { return Sent{rows: rows} }

// Query implements the interface of generated code.
func (s Sent) Query(context.Context, string, ...any) (pgx.Rows, error) { return s.rows, nil }

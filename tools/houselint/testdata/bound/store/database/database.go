package database

import (
	"context"

	"github.com/jackc/pgx/v5"
)

func connect(ctx context.Context) { _, _ = pgx.Connect(ctx, "") }

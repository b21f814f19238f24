package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/millrace/millrace/server"
)

// migrateCommand migrates the database.
type migrateCommand struct {
	server.Database
	Wait time.Duration `default:"0s" help:"How long to wait for a database that is not available yet."`
}

// Run implements the command.
func (c *migrateCommand) Run(ctx context.Context, log *slog.Logger) error {
	if err := server.Migrate(ctx, c.Database, c.Wait, log); err != nil {
		return err
	}
	log.Info("the database is up to date")
	return nil
}

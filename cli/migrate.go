package cli

import (
	"context"
	"log/slog"

	"github.com/millrace/millrace/server"
)

// migrateCommand migrates the database.
type migrateCommand struct {
	server.Database
	Wait server.Wait `default:"0s" help:"How long to wait at the start for a database that is unavailable: forever, or a duration after which the process gives up."`
}

// Run implements the command.
func (c *migrateCommand) Run(ctx context.Context, log *slog.Logger) error {
	if err := server.Migrate(ctx, c.Database, c.Wait, log); err != nil {
		return err
	}
	log.Info("the database is up to date")
	return nil
}

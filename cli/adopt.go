package cli

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/server"
)

// adoptCommand makes a database and a block store belong together.
type adoptCommand struct {
	server.Database
	Blocks string `default:"postgres" help:"Block store: postgres, file:///directory or s3://bucket/prefix."`
	New    bool   `help:"Give them a new identity: for a copy of a database whose original stays in use."`
}

// Run implements the command.
func (c *adoptCommand) Run(ctx context.Context, out streams) error {
	id, err := server.Adopt(ctx, c.Database, server.Storage{Blocks: c.Blocks}, c.New)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.out, "The database and %s are installation %s.\n", c.Blocks, id)
	return nil
}

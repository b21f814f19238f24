package cli

import (
	"context"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/usage"
)

// retryCommand retries a multiplication.
type retryCommand struct{ remote.MultiplicationFlags }

// Help implements kong.HelpProvider.
func (retryCommand) Help() string {
	return "Runs only the tiles that are not completed.\n\n" + usage.ExitCodes
}

// Run implements the command.
func (c *retryCommand) Run(ctx context.Context, out streams) error {
	api, err := c.Find(ctx, out.err)
	if err != nil {
		return err
	}
	m, err := api.Retry(ctx, c.ID)
	if err != nil {
		return err
	}
	return c.Print(out.out, m)
}

package cli

import (
	"context"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/usage"
)

// cancelCommand cancels a multiplication.
type cancelCommand struct{ remote.MultiplicationFlags }

// Help implements kong.HelpProvider.
func (cancelCommand) Help() string {
	return "Running tiles are told to stop; completed tiles are kept for \"millrace retry\". " +
		"Cancelling a cancelled multiplication is not an error.\n\n" + usage.ExitCodes
}

// Run implements the command.
func (c *cancelCommand) Run(ctx context.Context, out streams) error {
	api, err := c.Find(ctx, out.err)
	if err != nil {
		return err
	}
	m, err := api.Cancel(ctx, c.ID)
	if err != nil {
		return err
	}
	return c.Print(out.out, m)
}

package cli

import (
	"context"
)

// resultCommand downloads a product.
type resultCommand struct {
	ProductConfig
	OutputConfig
}

// Help implements kong.HelpProvider.
func (resultCommand) Help() string {
	return `Waits for the product if it is still worked on. A download that breaks goes on where it broke, and so does one that an
earlier command has left as a .part file beside the output.

` + exitCodes
}

// Run implements the command.
func (c *resultCommand) Run(ctx context.Context, out streams) error {
	if err := c.check(c.JSON); err != nil {
		return err
	}
	log := c.log(out)
	remote, err := c.connect(log)
	if err != nil {
		return err
	}
	m, err := remote.Multiplication(ctx, c.ID)
	if err == nil && !m.State.Final() {
		m, err = follow(ctx, remote, c.ID, log)
	}
	if err != nil {
		return err
	}
	return c.finish(ctx, remote, m, summary{}, c.RemoteConfig, out, log)
}

package cli

import (
	"context"
	"encoding/json"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// showCommand shows a multiplication.
type showCommand struct {
	remote.MultiplicationFlags
	Watch bool `short:"w" help:"Show the progress until the multiplication finishes; with --json, print each change as an object on a line of its own."`
}

// Help implements kong.HelpProvider.
func (showCommand) Help() string { return usage.ExitCodes }

// Run implements the command.
func (c *showCommand) Run(ctx context.Context, out streams) error {
	api, err := c.Find(ctx, out.err)
	if err != nil {
		return err
	}
	if c.Watch && c.JSON {
		encoder := json.NewEncoder(out.out)
		_, err := api.Wait(ctx, c.ID, func(e client.Event) {
			_ = encoder.Encode(e) // the reader of a closed pipe misses nothing
		})
		return err
	}
	var m client.Multiplication
	if c.Watch {
		m, err = remote.Watch(ctx, api, c.ID, out.err)
	} else {
		m, err = api.Multiplication(ctx, c.ID)
	}
	if err != nil {
		return err
	}
	return c.Print(out.out, m)
}

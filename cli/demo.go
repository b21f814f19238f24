package cli

import (
	"context"

	"github.com/millrace/millrace/cli/demo"
)

// demoCommand shows a multiplication from beginning to end.
type demoCommand struct{ demo.Options }

// Run implements the command.
func (c *demoCommand) Run(ctx context.Context, out streams) error {
	return demo.Run(ctx, c.Options, out.out)
}

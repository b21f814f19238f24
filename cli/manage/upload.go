package manage

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// Upload stores matrices.
type Upload struct {
	remote.ServerFlags
	Files []string `arg:"" name:"A.npy" help:"A .npy file, a pipe that delivers one, or - for standard input."`
	Quiet bool     `short:"q" help:"Show no progress."`
}

// Help implements kong.HelpProvider.
func (Upload) Help() string {
	return `Prints the id of each matrix, a line each. As an operand of "millrace multiply" it is id:MATRIX_ID.

` + usage.ExitCodes
}

// Run implements the command.
func (c *Upload) Run(ctx context.Context, out remote.Streams) error {
	log := remote.OutputFlags{Quiet: c.Quiet}.Log(out.Err)
	api, err := c.Connect(log)
	if err != nil {
		return err
	}
	list := uploaded{Items: []client.Matrix{}}
	for _, name := range c.Files {
		m, err := remote.UploadFile(ctx, api, name, log)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, m)
		if !c.JSON {
			fmt.Fprintln(out.Out, m.ID)
		}
	}
	if c.JSON {
		return remote.PrintJSON(out.Out, list)
	}
	return nil
}

// uploaded is what --json prints.
type uploaded struct {
	Items []client.Matrix `json:"items"`
}

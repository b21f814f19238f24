package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/millrace/millrace/client"
)

// showCommand shows a product.
type showCommand struct {
	ProductConfig
	Watch bool `short:"w" help:"Go on until the product ends; with --json, print each change as an object on a line of its own."`
}

// Help implements kong.HelpProvider.
func (showCommand) Help() string { return exitCodes }

// Run implements the command.
func (c *showCommand) Run(ctx context.Context, out streams) error {
	if !c.Watch {
		return c.act(ctx, out, (*client.Client).Multiplication)
	}
	remote, err := c.connect(out.err)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(out.out)
		_, err := remote.Wait(ctx, c.ID, func(e client.Event) {
			_ = encoder.Encode(e) // who does not listen any more will not miss it
		})
		return err
	}
	m, err := follow(ctx, remote, c.ID, out.err)
	if err != nil {
		return err
	}
	return describe(out.out, m)
}

// follow shows the progress of a product until it ends.
func follow(ctx context.Context, remote *client.Client, id string, w io.Writer) (client.Multiplication, error) {
	var bar *progress
	start := time.Now()
	m, err := remote.Wait(ctx, id, func(e client.Event) {
		if bar == nil {
			bar = newProgress(w, "multiply", e.Tiles.Total, false)
		}
		bar.set(e.Tiles.Completed)
	})
	if bar != nil {
		bar.close()
	}
	if err == nil && m.State == client.MultiplicationStateCompleted {
		bar.say(fmt.Sprintf("%d tiles in %.2f s", m.Tiles.Total, time.Since(start).Seconds()))
	}
	return m, err
}

// describe prints all that there is to say about a product.
func describe(w io.Writer, m client.Multiplication) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", args...) }
	line("id", "%s", m.ID)
	line("state", "%s", m.State)
	if m.Failure != nil {
		line("failure", "%s", *m.Failure)
	}
	line("product", "%d×%d %s = %d×%d · %d×%d", m.Shape.M, m.Shape.N, m.Dtype, m.A.Rows, m.A.Cols, m.B.Rows, m.B.Cols)
	line("operands", "%s, %s", m.A.MatrixID, m.B.MatrixID)
	line("tiles", "%d of %d completed, %d running, %d waiting to be retried", m.Tiles.Completed, m.Tiles.Total, m.Tiles.Running, m.Tiles.Retrying)
	line("attempts", "%d", m.Attempts)
	line("priority", "%d", m.Priority)
	line("created", "%s", timestamp(&m.CreatedAt))
	line("started", "%s", timestamp(m.StartedAt))
	line("finished", "%s%s", timestamp(m.FinishedAt), took(m))
	if m.Result != nil {
		line("result", "%.1f MB, matrix %s", megabytes(m.Result.Bytes), m.Result.MatrixID)
	}
	if m.ExpiresAt != nil {
		line("kept until", "%s", timestamp(m.ExpiresAt))
	}
	for _, e := range m.Errors {
		line("error", "%s tile %d, attempt %d: %s", timestamp(&e.At), e.Tile, e.Attempt, e.Message)
	}
	return table.Flush()
}

// timestamp is a time as people here read it.
func timestamp(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func took(m client.Multiplication) string {
	if m.StartedAt == nil || m.FinishedAt == nil {
		return ""
	}
	return fmt.Sprintf(" (%.2f s)", m.FinishedAt.Sub(*m.StartedAt).Seconds())
}

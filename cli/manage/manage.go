// Package manage has the client commands that look after multiplications and their server: status, wait, delete.
package manage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// Delete deletes multiplications.
type Delete struct {
	remote.ServerFlags
	IDs []string `arg:"" name:"id" help:"Ids of multiplications, or beginnings of ids that only one has."`
}

// Help implements kong.HelpProvider.
func (Delete) Help() string {
	return "Deletes each multiplication and its result. One that has not finished is cancelled first.\n\n" +
		usage.ExitCodes
}

// Run implements the command.
func (c *Delete) Run(ctx context.Context, out remote.Streams) error {
	api, err := c.Connect(out.Err)
	if err != nil {
		return err
	}
	deleted := []string{}
	for _, given := range c.IDs {
		id, err := remote.FindID(ctx, api, given)
		if err == nil {
			err = api.Delete(ctx, id)
		}
		if err != nil {
			return err
		}
		deleted = append(deleted, id)
		if !c.JSON {
			fmt.Fprintf(out.Out, "%s is deleted\n", id)
		}
	}
	if c.JSON {
		return remote.PrintJSON(out.Out, map[string][]string{"deleted": deleted})
	}
	return nil
}

// Wait waits for multiplications.
type Wait struct {
	remote.ServerFlags
	IDs     []string      `arg:"" name:"id" help:"Ids of multiplications, or beginnings of ids that only one has."`
	Timeout time.Duration `help:"How long to wait at most; 0: as long as it takes." default:"0s"`
}

// Help implements kong.HelpProvider.
func (Wait) Help() string {
	return "Waits until each multiplication has finished. Fails unless all are completed.\n\n" + usage.ExitCodes
}

// Run implements the command.
func (c *Wait) Run(ctx context.Context, out remote.Streams) error {
	if c.Timeout < 0 {
		return usage.Errorf("--timeout must not be negative, it is %s", c.Timeout)
	}
	api, err := c.Connect(out.Err)
	if err != nil {
		return err
	}
	whole := ctx
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	finished, err := c.wait(ctx, api, out)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && whole.Err() == nil {
		err = fmt.Errorf("not finished within %s", c.Timeout)
	}
	if c.JSON {
		list := client.MultiplicationList{Items: finished}
		err = errors.Join(err, remote.PrintJSON(out.Out, list))
	}
	return err
}

// wait returns those that have finished. Its error names the first that is not completed.
func (c *Wait) wait(ctx context.Context, api *client.Client, out remote.Streams) ([]client.Multiplication, error) {
	finished := []client.Multiplication{}
	var failed error
	for _, given := range c.IDs {
		id, err := remote.FindID(ctx, api, given)
		if err != nil {
			return finished, err
		}
		m, err := api.Await(ctx, id)
		if err != nil {
			return finished, err
		}
		finished = append(finished, m)
		if !c.JSON {
			fmt.Fprintf(out.Out, "%s is %s\n", id, m.State)
		}
		if failed == nil {
			failed = remote.CheckCompleted(m)
		}
	}
	return finished, failed
}

// Status shows the state of a server.
type Status struct{ remote.ServerFlags }

// Help implements kong.HelpProvider.
func (Status) Help() string { return usage.ExitCodes }

// Run implements the command.
func (c *Status) Run(ctx context.Context, out remote.Streams) error {
	api, err := c.Connect(out.Err)
	if err != nil {
		return err
	}
	overview, err := api.Overview(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return remote.PrintJSON(out.Out, overview)
	}
	return c.print(out.Out, overview)
}

// describe returns what workers compute with, in one line.
func describe(k client.Kernels) string {
	rate := fmt.Sprintf("%.1f", k.SlowestGflops)
	if k.FastestGflops > k.SlowestGflops {
		rate += fmt.Sprintf(" to %.1f", k.FastestGflops)
	}
	text := k.Name
	for _, part := range []*string{k.Core, k.Version} {
		if part != nil {
			text += " " + *part
		}
	}
	text += ", " + rate + " GFLOP/s a core"
	if k.Workers > 1 {
		text += fmt.Sprintf(", %d workers", k.Workers)
	}
	return text
}

func (c *Status) print(w io.Writer, o client.Overview) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", args...) }
	line("server", "%s", c.Server)
	line("version", "%s, up for %s", o.Version, terminal.Age(o.ObservedAt.Sub(o.StartedAt)))
	line("workers", "%d", o.Workers)
	for _, k := range o.Kernels {
		line("kernel", "%s", describe(k))
	}
	line("multiplications", "%d in progress, %d pending", o.Multiplications.InProgress, o.Multiplications.Pending)
	for _, queue := range o.Queues {
		paused := ""
		if queue.Paused {
			paused = ", paused"
		}
		line("queue "+string(queue.Name), "%d running, %d waiting, %d to be retried%s",
			queue.Running, queue.Waiting, queue.Retrying, paused)
	}
	return table.Flush()
}

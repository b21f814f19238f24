// Package listing lists multiplications.
package listing

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// Command lists multiplications.
type Command struct {
	remote.ServerFlags
	State []string `enum:"pending,in_progress,completed,failed,cancelled" help:"Only multiplications in this state: ${enum}. May be repeated."`
	Limit int64    `short:"n" default:"20" help:"Largest number of multiplications."`
	Wide  bool     `help:"Show whole ids, element types, priorities and times."`
	Watch bool     `short:"w" help:"Show the list again whenever it changes, until Ctrl-C; with --json, one object a line."`
}

// Help implements kong.HelpProvider.
func (Command) Help() string { return usage.ExitCodes }

// Run implements the command.
func (c *Command) Run(ctx context.Context, out remote.Streams) error {
	if c.Limit < 1 {
		return usage.Errorf("--limit must be at least 1, it is %d", c.Limit)
	}
	api, err := c.Connect(out.Err)
	if err != nil {
		return err
	}
	if c.Watch {
		return c.watch(ctx, api, out)
	}
	list, err := c.list(ctx, api)
	if err != nil {
		return err
	}
	if c.JSON {
		return remote.PrintJSON(out.Out, list)
	}
	var text bytes.Buffer
	if err := c.print(&text, list, time.Now()); err != nil {
		return err
	}
	_, err = io.WriteString(out.Out, terminal.PaintStates(out.Out, text.String()))
	return err
}

// watchInterval is the time between two looks at the list.
const watchInterval = time.Second

// watch prints the list whenever it has changed: over the former one on a terminal, below it elsewhere.
func (c *Command) watch(ctx context.Context, api *client.Client, out remote.Streams) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	last := ""
	for {
		list, err := c.list(ctx, api)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if c.JSON {
			err = json.NewEncoder(&text).Encode(list)
		} else {
			err = c.print(&text, list, time.Now())
		}
		if err != nil {
			return err
		}
		if text.String() != last {
			last = text.String()
			if !c.JSON {
				text = *bytes.NewBufferString(terminal.Clear(out.Out) + terminal.PaintStates(out.Out, last))
			}
			if _, err := out.Out.Write(text.Bytes()); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// list reads pages until there are as many multiplications as --limit allows, or no more.
func (c *Command) list(ctx context.Context, api *client.Client) (client.MultiplicationList, error) {
	params := client.ListMultiplicationsParams{}
	for _, s := range c.State {
		params.State = append(params.State, client.ListMultiplicationsParamsState(s))
	}
	read := func(size int64, cursor *string) ([]client.Multiplication, *string, error) {
		params.Limit = &size
		params.Cursor = cursor
		page, err := api.List(ctx, params)
		return page.Items, page.NextCursor, err
	}
	var list client.MultiplicationList
	var err error
	list.Items, list.NextCursor, err = pages(c.Limit, read)
	return list, err
}

// print writes the list as a table of at most 80 columns, or a wide one.
func (c *Command) print(w io.Writer, list client.MultiplicationList, now time.Time) error {
	if len(list.Items) == 0 {
		states := ""
		if len(c.State) > 0 {
			states = " that are " + strings.Join(c.State, " or ")
		}
		_, err := fmt.Fprintf(w, "There are no multiplications%s.\n", states)
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if c.Wide {
		fmt.Fprintln(table, "ID\tSTATE\tDONE\tSHAPE\tDTYPE\tPRIORITY\tCREATED")
	} else {
		fmt.Fprintln(table, "ID\tSTATE\tDONE\tSHAPE\tAGE")
	}
	for _, m := range list.Items {
		shape := fmt.Sprintf("%d×%d×%d", m.Shape.M, m.Shape.K, m.Shape.N)
		if c.Wide {
			fmt.Fprintf(table, "%s\t%s\t%.0f %%\t%s\t%s\t%d\t%s\n",
				m.ID, m.State, 100*m.Progress, shape, m.Dtype, m.Priority, terminal.Time(&m.CreatedAt))
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%.0f %%\t%s\t%s\n",
			shortest(m.ID, list.Items), m.State, 100*m.Progress, shape, terminal.Age(now.Sub(m.CreatedAt)))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return printMore(w, list.NextCursor)
}

// shortest returns a beginning of an id that no other one in the list has.
func shortest(id string, all []client.Multiplication) string {
	for n := remote.ShortID; n < len(id); n++ {
		same := 0
		for _, m := range all {
			if strings.HasPrefix(m.ID, id[:n]) {
				same++
			}
		}
		if same <= 1 && id[n-1] != '-' {
			return id[:n]
		}
	}
	return id
}

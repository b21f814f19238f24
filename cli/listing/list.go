// Package listing lists multiplications.
package listing

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

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
}

// Help implements kong.HelpProvider.
func (Command) Help() string { return usage.ExitCodes }

// maxPage is the largest page of a list that servers return.
const maxPage = 200

// Run implements the command.
func (c *Command) Run(ctx context.Context, out remote.Streams) error {
	if c.Limit < 1 {
		return usage.Errorf("--limit must be at least 1, it is %d", c.Limit)
	}
	api, err := c.Connect(out.Err)
	if err != nil {
		return err
	}
	list, err := c.list(ctx, api)
	if err != nil {
		return err
	}
	if c.JSON {
		return remote.PrintJSON(out.Out, list)
	}
	return printList(out.Out, list)
}

// list reads pages until there are as many multiplications as --limit allows, or no more.
func (c *Command) list(ctx context.Context, api *client.Client) (client.MultiplicationList, error) {
	params := client.ListMultiplicationsParams{}
	for _, s := range c.State {
		params.State = append(params.State, client.ListMultiplicationsParamsState(s))
	}
	list := client.MultiplicationList{Items: []client.Multiplication{}}
	for {
		params.Limit = new(min(c.Limit-int64(len(list.Items)), maxPage))
		page, err := api.List(ctx, params)
		if err != nil {
			return list, err
		}
		list.Items = append(list.Items, page.Items...)
		list.NextCursor = page.NextCursor
		if page.NextCursor == nil || int64(len(list.Items)) >= c.Limit {
			return list, nil
		}
		params.Cursor = page.NextCursor
	}
}

func printList(w io.Writer, list client.MultiplicationList) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATE\tDONE\tSHAPE\tDTYPE\tPRIORITY\tCREATED")
	for _, m := range list.Items {
		fmt.Fprintf(table, "%s\t%s\t%.0f %%\t%d×%d×%d\t%s\t%d\t%s\n",
			m.ID, m.State, 100*m.Progress, m.Shape.M, m.Shape.K, m.Shape.N, m.Dtype, m.Priority,
			terminal.Time(&m.CreatedAt))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if list.NextCursor != nil {
		_, err := fmt.Fprintln(w, "… and older ones: a higher --limit shows more")
		return err
	}
	return nil
}

package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/millrace/millrace/client"
)

// listCommand lists products.
type listCommand struct {
	RemoteConfig
	State []string `enum:"pending,in_progress,completed,failed,cancelled" help:"Only those in this state: ${enum}. May be given several times."`
	Limit int64    `short:"n" default:"20" help:"How many at most."`
}

// Help implements kong.HelpProvider.
func (listCommand) Help() string { return exitCodes }

// maxPage is how many products a server lists at once.
const maxPage = 200

// Run implements the command.
func (c *listCommand) Run(ctx context.Context, out streams) error {
	if c.Limit < 1 {
		return usagef("--limit must be at least 1, it is %d", c.Limit)
	}
	remote, err := c.connect(out.err)
	if err != nil {
		return err
	}
	params := client.ListMultiplicationsParams{}
	for _, s := range c.State {
		params.State = append(params.State, client.ListMultiplicationsParamsState(s))
	}
	list := client.MultiplicationList{Items: []client.Multiplication{}}
	for left := c.Limit; left > 0; left = c.Limit - int64(len(list.Items)) {
		params.Limit = new(min(left, maxPage))
		page, err := remote.List(ctx, params)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, page.Items...)
		if list.NextCursor = page.NextCursor; page.NextCursor == nil {
			break
		}
		params.Cursor = page.NextCursor
	}
	return c.print(out.out, list, func(w io.Writer) error { return printList(w, list) })
}

func printList(w io.Writer, list client.MultiplicationList) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATE\tDONE\tSHAPE\tDTYPE\tPRIORITY\tCREATED")
	for _, m := range list.Items {
		fmt.Fprintf(table, "%s\t%s\t%.0f %%\t%d×%d×%d\t%s\t%d\t%s\n",
			m.ID, m.State, 100*m.Progress, m.Shape.M, m.Shape.K, m.Shape.N, m.Dtype, m.Priority, timestamp(&m.CreatedAt))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if list.NextCursor != nil {
		_, err := fmt.Fprintln(w, "… and older ones: --limit shows more")
		return err
	}
	return nil
}

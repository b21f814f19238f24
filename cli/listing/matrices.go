package listing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// Matrices lists matrices.
type Matrices struct {
	remote.ServerFlags
	//house:ignore words "product" is a value of the API
	Source string `enum:"upload,inline,random,product,s3," default:"" help:"Only matrices that were made in this way: upload, inline (numbers of a submission), random, product (results), or s3 (objects in buckets)."`
	Limit  int64  `short:"n" default:"20" help:"Largest number of matrices."`
}

// Help implements kong.HelpProvider.
func (Matrices) Help() string {
	return `Ids are whole: "millrace multiply id:MATRIX_ID B.npy" takes one. The operands and results of small
multiplications whose operands came with the submission are not listed.

` + usage.ExitCodes
}

// Run implements the command.
func (c *Matrices) Run(ctx context.Context, out remote.Streams) error {
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
	var text bytes.Buffer
	if err := c.print(&text, list, time.Now()); err != nil {
		return err
	}
	_, err = out.Out.Write(text.Bytes())
	return err
}

// list reads pages until there are as many matrices as --limit allows, or no more.
func (c *Matrices) list(ctx context.Context, api *client.Client) (client.MatrixList, error) {
	params := client.ListMatricesParams{}
	if c.Source != "" {
		params.Source = new(client.ListMatricesParamsSource(c.Source))
	}
	read := func(size int64, cursor *string) ([]client.Matrix, *string, error) {
		params.Limit = &size
		params.Cursor = cursor
		page, err := api.Matrices(ctx, params)
		return page.Items, page.NextCursor, err
	}
	var list client.MatrixList
	var err error
	list.Items, list.NextCursor, err = pages(c.Limit, read)
	return list, err
}

// print writes the list as a table of at most 80 columns.
func (c *Matrices) print(w io.Writer, list client.MatrixList, now time.Time) error {
	if len(list.Items) == 0 {
		of := ""
		if c.Source != "" {
			of = " of source " + c.Source
		}
		_, err := fmt.Fprintf(w, "There are no matrices%s.\n", of)
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSHAPE\tDTYPE\tSOURCE\tAGE")
	for _, m := range list.Items {
		fmt.Fprintf(table, "%s\t%d×%d\t%s\t%s\t%s\n",
			m.ID, m.Rows, m.Cols, m.Dtype, m.Source, terminal.Age(now.Sub(m.CreatedAt)))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return printMore(w, list.NextCursor)
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// runBatch submits the orders in the file that --batch names, and prints what has become of each.
func (c *multiplyCommand) runBatch(ctx context.Context, out streams) error {
	if c.A != "" || c.Output != "" {
		return usage.Errorf("--batch takes the matrices from %s, and writes to standard output", c.Batch)
	}
	api, err := c.Connect(c.Log(out.err))
	if err != nil {
		return err
	}
	orders, err := remote.OpenOrders(ctx, c.Batch)
	if err != nil {
		return err
	}
	defer func() { _ = orders.Close() }()
	send := api.MultiplyLines
	if c.NoWait {
		send = api.SubmitLines
	}
	var p itemPrinter
	for {
		text, err := orders.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return p.err()
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return usage.Errorf("--batch: %w", err)
		}
		items, err := send(ctx, text)
		if err := p.print(out.out, items); err != nil {
			return err
		}
		if err != nil {
			return fmt.Errorf("submitting, after %d orders: %w", p.orders, err)
		}
	}
}

// itemPrinter prints items as NDJSON, and counts them.
type itemPrinter struct{ orders, failed int }

func (p *itemPrinter) print(w io.Writer, items []client.BatchItem) error {
	encoder := json.NewEncoder(w)
	for _, item := range items {
		p.orders++
		if !item.Accepted() || item.Final() && *item.State != client.BatchItemStateCompleted {
			p.failed++
		}
		if err := encoder.Encode(item); err != nil {
			return err
		}
	}
	return nil
}

// err returns an error if an order has failed.
func (p *itemPrinter) err() error {
	if p.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d orders have failed", p.failed, p.orders)
}

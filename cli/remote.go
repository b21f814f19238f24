package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/millrace/millrace/client"
)

// RemoteConfig is what all commands have that talk to a server.
type RemoteConfig struct {
	Server string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"Address of the server."`
	JSON   bool   `help:"Print one JSON object on standard output instead of text."`
}

// connect returns a client of the server, which writes to log when it has to try again.
func (c RemoteConfig) connect(log io.Writer, options ...client.ClientOption) (*client.Client, error) {
	if u, err := url.Parse(c.Server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usagef("--server must be an address like http://127.0.0.1:8080, it is %q", c.Server)
	}
	remote, err := client.New(c.Server, options...)
	if err != nil {
		return nil, usageError{err}
	}
	remote.Retrying = func(err error, pause time.Duration) {
		fmt.Fprintf(log, "%v; trying again in %.1f s\n", err, pause.Seconds())
	}
	return remote, nil
}

// print writes an answer: as JSON if that is asked for, or else as text does.
func (c RemoteConfig) print(w io.Writer, answer any, text func(io.Writer) error) error {
	if !c.JSON {
		return text(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

// ProductConfig names a product on a server.
type ProductConfig struct {
	RemoteConfig
	ID string `arg:"" name:"id" help:"Id of the product, as multiply and list show it."`
}

// act does something to the product and shows it afterwards.
func (c ProductConfig) act(
	ctx context.Context, out streams, do func(*client.Client, context.Context, string) (client.Multiplication, error),
) error {
	remote, err := c.connect(out.err)
	if err != nil {
		return err
	}
	m, err := do(remote, ctx, c.ID)
	if err != nil {
		return err
	}
	return c.print(out.out, m, func(w io.Writer) error { return describe(w, m) })
}

// cancelCommand cancels a product.
type cancelCommand struct{ ProductConfig }

// Help implements kong.HelpProvider.
func (cancelCommand) Help() string {
	return "Tiles that run are told to stop; what they have done is kept for \"millrace retry\". To cancel twice is no error.\n\n" + exitCodes
}

// Run implements the command.
func (c *cancelCommand) Run(ctx context.Context, out streams) error {
	return c.act(ctx, out, (*client.Client).Cancel)
}

// retryCommand retries a product.
type retryCommand struct{ ProductConfig }

// Help implements kong.HelpProvider.
func (retryCommand) Help() string {
	return "Only the tiles that are not completed run again.\n\n" + exitCodes
}

// Run implements the command.
func (c *retryCommand) Run(ctx context.Context, out streams) error {
	return c.act(ctx, out, (*client.Client).Retry)
}

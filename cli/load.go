package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/load"
)

// loadCommand puts a server under load.
type loadCommand struct {
	RemoteConfig
	Rate        float64       `short:"r" help:"Products submitted a second, whether the server keeps up or not; 0: as many as --concurrency clients can." default:"0"`
	Concurrency int           `short:"c" help:"Clients, that is products under way at a time; 0: 1, or with --rate as many as it takes, up to 2000." default:"0"`
	Duration    time.Duration `short:"d" help:"How long products are submitted." default:"10s"`
	Count       int           `short:"n" help:"Submit this many products, however long it takes; 0: for --duration." default:"0"`
	Size        string        `short:"s" help:"Size of the operands: N, or MxKxN for M×K times K×N." default:"2"`
	Operands    string        `enum:"json,npy,random,stored" default:"json" help:"How operands are sent: json, npy (a form with two files), random (made by the workers), stored (uploaded once, used by all)."`
	Priority    int32         `help:"Priority of the products, 1 (urgent) to 4." default:"2"`
	Timeout     time.Duration `help:"How long one product may take before it counts as failed." default:"10m"`
	Plot        string        `placeholder:"FILE.svg" help:"Draw how long each product took into this file."`
	shape       [3]int64
}

// Help implements kong.HelpProvider.
func (loadCommand) Help() string {
	return "Submits products, waits until each is completed, and prints percentiles. With --rate, times count from when a product " +
		"was due, not from when it could be sent: a server that stands still shows (no coordinated omission). " +
		"It fails unless all products complete.\n\n" + exitCodes
}

const (
	maxClients    = 2000
	maxProducts   = 1_000_000
	maxLoadTime   = 24 * time.Hour
	maxLoadBodies = 256 << 20 // bytes of the request bodies that are kept in memory
)

// validate checks the flags and fills in what they leave open.
func (c *loadCommand) validate() error {
	switch {
	case !(c.Rate >= 0 && c.Rate <= 100_000): // or NaN
		return usagef("--rate must be from 0 to 100000, it is %g", c.Rate)
	case c.Concurrency < 0 || c.Concurrency > maxClients:
		return usagef("--concurrency must be from 0 to %d, it is %d", maxClients, c.Concurrency)
	case c.Count < 0 || c.Count > maxProducts:
		return usagef("--count must be from 0 to %d, it is %d", maxProducts, c.Count)
	case c.Duration <= 0 || c.Duration > maxLoadTime:
		return usagef("--duration must be more than 0 and at most %s, it is %s", maxLoadTime, c.Duration)
	case c.Priority < 1 || c.Priority > 4:
		return usagef("--priority must be from 1 to 4, it is %d", c.Priority)
	case c.Timeout <= 0:
		return usagef("--timeout must be more than 0, it is %s", c.Timeout)
	case c.Plot != "" && !strings.EqualFold(filepath.Ext(c.Plot), ".svg"):
		return usagef("--plot must name a file that ends in .svg, it is %q", c.Plot)
	}
	if c.Concurrency == 0 && c.Rate > 0 {
		c.Concurrency = maxClients
	}
	c.Concurrency = max(1, c.Concurrency)
	return c.parseSize()
}

func (c *loadCommand) parseSize() error {
	words := strings.Split(c.Size, "x")
	if len(words) == 1 {
		words = []string{c.Size, c.Size, c.Size}
	}
	if len(words) != len(c.shape) {
		return usagef("--size must be N or MxKxN, for example 256 or 100x2000x50, it is %q", c.Size)
	}
	for i, word := range words {
		n, err := strconv.ParseInt(word, 10, 32)
		if err != nil || n < 1 {
			return usagef("--size must be N or MxKxN, whole numbers from 1 on, it is %q", c.Size)
		}
		c.shape[i] = n
	}
	return nil
}

// plan is what the flags ask for.
func (c *loadCommand) plan() load.Plan {
	p := load.Plan{Rate: c.Rate, Concurrency: c.Concurrency, Count: c.Count, Duration: c.Duration}
	if c.Count > 0 {
		p.Duration = 0
	}
	return p
}

// Run implements the command.
func (c *loadCommand) Run(ctx context.Context, out streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = c.Concurrency
	defer transport.CloseIdleConnections()
	remote, err := c.connect(out.err, client.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		return err
	}
	remote.Retries = 0 // an error is a result here
	bodies, err := c.bodies(ctx, remote)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.err, "%s %s\n", c.Server, c.describe(len(bodies[0].content)))
	samples := load.Run(ctx, c.plan(), func(ctx context.Context, i int, accepted func()) error {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		return c.product(ctx, remote, bodies[i%len(bodies)], accepted)
	})
	return c.report(ctx, samples, out)
}

// describe says in one line what is done.
func (c *loadCommand) describe(bytes int) string {
	how := fmt.Sprintf("%d clients", c.Concurrency)
	if c.Rate > 0 {
		how = fmt.Sprintf("%g/s", c.Rate)
	}
	much := c.Duration.String()
	if c.Count > 0 {
		much = fmt.Sprintf("%d products", c.Count)
	}
	return fmt.Sprintf("%d×%d times %d×%d, %s operands, %d bytes each, %s, %s",
		c.shape[0], c.shape[1], c.shape[1], c.shape[2], c.Operands, bytes, how, much)
}

// product submits a product and waits for its end.
func (c *loadCommand) product(ctx context.Context, remote *client.Client, b loadBody, accepted func()) error {
	m, err := remote.SubmitBody(ctx, b.kind, strings.NewReader(b.content), int64(len(b.content)))
	if err == nil {
		accepted()
		m, err = remote.Await(ctx, m.ID)
	}
	var answer *client.Error
	switch {
	case errors.As(err, &answer):
		return fmt.Errorf("%d %s", answer.Status, answer.Title) // the details differ from product to product
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("not completed within %s", c.Timeout)
	case err != nil:
		return err
	case m.State != client.MultiplicationStateCompleted:
		return fmt.Errorf("the product is %s", m.State)
	}
	return nil
}

// report prints what was measured. Unless all is well that is an error.
func (c *loadCommand) report(ctx context.Context, samples []load.Sample, out streams) error {
	r := load.NewReport(samples)
	if err := c.print(out.out, r, r.Print); err != nil {
		return err
	}
	if err := c.draw(samples); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.Completed < r.Requests || r.Requests == 0 {
		return fmt.Errorf("%d of %d products were not completed", r.Requests-r.Completed, r.Requests)
	}
	return nil
}

func (c *loadCommand) draw(samples []load.Sample) error {
	if c.Plot == "" {
		return nil
	}
	file, err := os.Create(c.Plot)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%s, %s operands", c.Size, c.Operands)
	return errors.Join(load.WritePlot(file, title, samples), file.Close())
}

// Package burst puts a server under load and measures it.
package burst

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/load"
)

// Command puts a server under load.
type Command struct {
	remote.ServerFlags
	Rate        float64       `short:"r" help:"Multiplications submitted per second, whether the server keeps up or not; 0: as many as --concurrency clients can." default:"0"`
	Concurrency int           `short:"c" help:"Number of clients, each with one multiplication at a time; 0: 1, or with --rate as many as it takes, up to 2000." default:"0"`
	Duration    time.Duration `short:"d" help:"How long multiplications are submitted." default:"10s"`
	Count       int           `short:"n" help:"Submit this many multiplications, however long it takes; 0: for --duration." default:"0"`
	Size        string        `short:"s" help:"Size of the operands: N, or MxKxN for M×K times K×N." default:"2"`
	Operands    string        `enum:"json,npy,random,stored" default:"json" help:"How operands are sent: json, npy (a form with two files), random (generated on the workers; nothing is uploaded), stored (uploaded once, used by every multiplication)."`
	Priority    int32         `help:"Priority of the multiplications, 1 (urgent) to 4." default:"2"`
	Timeout     time.Duration `help:"How long one multiplication may take before it counts as failed." default:"10m"`
	Plot        string        `placeholder:"FILE.svg" help:"Draw how long each multiplication took into this file."`

	shape [3]int64 // M, K and N
}

// Help implements kong.HelpProvider.
func (Command) Help() string {
	return `Submits multiplications, waits until each is completed, and prints percentiles. With --rate, times count from
when a multiplication was due, not from when it could be sent: a server that stalls shows (no coordinated omission).
Fails unless every multiplication completes.

` + usage.ExitCodes
}

const (
	maxClients  = 2000
	maxCount    = 1_000_000
	maxDuration = 24 * time.Hour
)

// validate checks the flags and replaces the zeros that stand for a default.
func (c *Command) validate() error {
	switch {
	case !(c.Rate >= 0 && c.Rate <= 100_000): // or NaN
		return usage.Errorf("--rate must be from 0 to 100000, it is %g", c.Rate)
	case c.Concurrency < 0 || c.Concurrency > maxClients:
		return usage.Errorf("--concurrency must be from 0 to %d, it is %d", maxClients, c.Concurrency)
	case c.Count < 0 || c.Count > maxCount:
		return usage.Errorf("--count must be from 0 to %d, it is %d", maxCount, c.Count)
	case c.Duration <= 0 || c.Duration > maxDuration:
		return usage.Errorf("--duration must be more than 0 and at most %s, it is %s", maxDuration, c.Duration)
	case c.Priority < 1 || c.Priority > 4:
		return usage.Errorf("--priority must be from 1 to 4, it is %d", c.Priority)
	case c.Timeout <= 0:
		return usage.Errorf("--timeout must be more than 0, it is %s", c.Timeout)
	case c.Plot != "" && !strings.EqualFold(filepath.Ext(c.Plot), ".svg"):
		return usage.Errorf("--plot draws SVG: the name of the file must end in .svg, it is %q", c.Plot)
	}
	if c.Concurrency == 0 && c.Rate > 0 {
		c.Concurrency = maxClients
	}
	c.Concurrency = max(1, c.Concurrency)
	return c.parseSize()
}

// parseSize parses --size.
func (c *Command) parseSize() error {
	sizes := strings.Split(c.Size, "x")
	if len(sizes) == 1 {
		sizes = []string{c.Size, c.Size, c.Size}
	}
	if len(sizes) != len(c.shape) {
		return usage.Errorf("--size must be N or MxKxN, for example 256 or 100x2000x50, it is %q", c.Size)
	}
	for i, size := range sizes {
		n, err := strconv.ParseInt(size, 10, 32)
		if err != nil || n < 1 {
			return usage.Errorf("--size must be N or MxKxN, whole numbers from 1 on, it is %q", c.Size)
		}
		c.shape[i] = n
	}
	return nil
}

// plan returns the plan of the requests.
func (c *Command) plan() load.Plan {
	p := load.Plan{
		Rate:        c.Rate,
		Concurrency: c.Concurrency,
		Count:       c.Count,
		Duration:    c.Duration,
	}
	if c.Count > 0 {
		p.Duration = 0
	}
	return p
}

// Run implements the command.
func (c *Command) Run(ctx context.Context, out remote.Streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	api, err := c.Connect(out.Err, func(t *http.Transport) { t.MaxIdleConnsPerHost = c.Concurrency })
	if err != nil {
		return err
	}
	api.Retries = 0 // an error is a measurement here
	requests, err := c.requests(ctx, api)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.Err, "%s %s\n", c.Server, c.describe(len(requests[0].body)))
	start := time.Now()
	progress := c.newProgress(out.Err)
	samples := load.Run(ctx, c.plan(), func(ctx context.Context, i int, accepted func()) error {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		err := c.multiply(ctx, api, requests[i%len(requests)], accepted)
		progress.ended(err)
		return err
	})
	progress.stop()
	return c.report(ctx, start, samples, out)
}

// describe describes the load in one line, for requests of the given size.
func (c *Command) describe(bytes int) string {
	pace := fmt.Sprintf("%d clients", c.Concurrency)
	if c.Rate > 0 {
		pace = fmt.Sprintf("%g/s", c.Rate)
	}
	amount := c.Duration.String()
	if c.Count > 0 {
		amount = fmt.Sprintf("%d multiplications", c.Count)
	}
	return fmt.Sprintf("%d×%d times %d×%d, %s operands, %d bytes per request, %s, %s",
		c.shape[0], c.shape[1], c.shape[1], c.shape[2], c.Operands, bytes, pace, amount)
}

// multiply submits a multiplication, calls accepted, and waits until it has finished. It returns an error unless the
// multiplication completes. The texts of the errors are few, because the report counts them.
func (c *Command) multiply(ctx context.Context, api *client.Client, r request, accepted func()) error {
	m, err := api.SubmitBody(ctx, r.contentType, strings.NewReader(r.body), int64(len(r.body)))
	if err == nil {
		accepted()
		m, err = api.Await(ctx, m.ID)
	}
	var response *client.Error
	switch {
	case errors.As(err, &response):
		return fmt.Errorf("%d %s", response.Status, response.Title) // without the details, which differ
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("not completed within %s", c.Timeout)
	case err != nil:
		return err
	case m.State != client.MultiplicationStateCompleted:
		return fmt.Errorf("the multiplication is %s", m.State)
	}
	return nil
}

// report prints the measurements and draws the plot. It returns an error unless every multiplication was completed.
func (c *Command) report(ctx context.Context, start time.Time, samples []load.Sample, out remote.Streams) error {
	r := load.NewReport(samples)
	var err error
	if c.JSON {
		err = remote.PrintJSON(out.Out, r)
	} else {
		err = r.Print(out.Out)
	}
	if err != nil {
		return err
	}
	if err := c.plot(start, samples); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.Completed < r.Requests || r.Requests == 0 {
		return fmt.Errorf("%d of %d multiplications were not completed", r.Requests-r.Completed, r.Requests)
	}
	return nil
}

// host returns the server without what an address may have of secrets.
func (c *Command) host() string {
	if u, err := url.Parse(c.Server); err == nil {
		return u.Host
	}
	return ""
}

// plot draws the file of --plot.
func (c *Command) plot(start time.Time, samples []load.Sample) error {
	if c.Plot == "" {
		return nil
	}
	file, err := os.Create(c.Plot)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%d×%d times %d×%d, %s operands: %s, %s", c.shape[0], c.shape[1], c.shape[1], c.shape[2],
		c.Operands, c.host(), start.UTC().Format("2006-01-02 15:04 UTC"))
	return errors.Join(load.WritePlot(file, title, samples), file.Close())
}

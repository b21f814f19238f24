package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// resultCommand downloads the result of a multiplication.
type resultCommand struct {
	remote.MultiplicationFlags
	remote.OutputFlags
}

// Help implements kong.HelpProvider.
func (resultCommand) Help() string {
	return `Waits for the multiplication if it has not finished. A download that breaks is resumed, also one that an
earlier command has left as a .part file beside the output.

` + usage.ExitCodes
}

// Run implements the command.
func (c *resultCommand) Run(ctx context.Context, out streams) error {
	if err := c.Check(c.JSON, out.out); err != nil {
		return err
	}
	log := c.Log(out.err)
	api, err := c.Find(ctx, log)
	if err != nil {
		return err
	}
	m, err := api.Multiplication(ctx, c.ID)
	if err == nil && !m.State.Final() {
		m, err = remote.Watch(ctx, api, c.ID, log)
	}
	if err != nil {
		return err
	}
	d := delivery{
		api:    api,
		output: c.OutputFlags,
		json:   c.JSON,
		stdout: out.out,
		log:    log,
	}
	return d.run(ctx, m)
}

// delivery is the last step of multiply and result: the download and the summary.
type delivery struct {
	api     *client.Client
	output  remote.OutputFlags
	json    bool // print the summary
	stdout  io.Writer
	log     io.Writer
	summary summary
}

// summary is what --json prints.
type summary struct {
	ID             string                `json:"id"`
	State          string                `json:"state"`
	Output         string                `json:"output,omitempty"`
	Bytes          int64                 `json:"bytes,omitempty"`
	Verified       bool                  `json:"verified"` // the bytes by the digest of the server
	Seconds        seconds               `json:"seconds"`
	Multiplication client.Multiplication `json:"multiplication"`
}

// seconds is how long the steps of a command took.
type seconds struct {
	Upload   float64 `json:"upload"`
	Compute  float64 `json:"compute"`
	Download float64 `json:"download"`
}

// run downloads the result of a finished multiplication. It prints the summary also after an error.
func (d *delivery) run(ctx context.Context, m client.Multiplication) error {
	d.summary.ID = m.ID
	d.summary.State = string(m.State)
	d.summary.Multiplication = m
	err := remote.CheckCompleted(m)
	switch {
	case err != nil:
	case d.output.InBucket():
		d.summary.Output = d.output.Output
		_, err = fmt.Fprintf(d.log, "%-10s %s\n", "written", d.output.Output)
	default:
		err = d.download(ctx, m)
	}
	if d.json {
		err = errors.Join(err, remote.PrintJSON(d.stdout, d.summary))
	}
	return err
}

func (d *delivery) download(ctx context.Context, m client.Multiplication) error {
	start := time.Now()
	download, err := d.output.Download(ctx, d.api, m, d.stdout, d.log)
	d.summary.Bytes = download.Bytes
	if err != nil {
		return err
	}
	d.summary.Verified = download.Verified
	d.summary.Output = d.output.Output
	d.summary.Seconds.Download = time.Since(start).Seconds()
	return nil
}

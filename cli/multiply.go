package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/millrace/millrace/client"
)

// multiplyCommand multiplies two matrices on a server.
type multiplyCommand struct {
	RemoteConfig
	OutputConfig
	A           string `arg:"" name:"A.npy" help:"Left matrix: a .npy file, random:ROWSxCOLS[:SEED], or id:MATRIX_ID for one that the server has."`
	B           string `arg:"" name:"B.npy" help:"Right matrix, likewise."`
	Priority    int32  `default:"2" help:"1 (most urgent) to 4."`
	OnInterrupt string `default:"ask" enum:"ask,cancel,leave" help:"What becomes of the product when this command is interrupted: ${enum}. Without a terminal, ask means leave."`
}

// Help implements kong.HelpProvider.
func (multiplyCommand) Help() string {
	return `Uploads both matrices, has them multiplied and downloads the product. Nothing is uploaded unless the shapes fit.

The product appears under its name only when it is there as a whole. A download that breaks goes on where it broke; one that is
interrupted leaves a .part file, from which "millrace result" goes on. Ctrl-C while the product is computed asks what is to become of it.

` + exitCodes
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

type seconds struct {
	Upload   float64 `json:"upload"`
	Compute  float64 `json:"compute"`
	Download float64 `json:"download"`
}

// Run implements the command.
func (c *multiplyCommand) Run(ctx context.Context, out streams) error {
	if err := c.check(c.JSON); err != nil {
		return err
	}
	if c.Priority < 1 || c.Priority > 4 {
		return usagef("--priority must be 1 to 4, it is %d", c.Priority)
	}
	log := c.log(out)
	remote, err := c.connect(log)
	if err != nil {
		return err
	}
	a, err := parseOperand(ctx, remote, c.A)
	if err != nil {
		return err
	}
	b, err := parseOperand(ctx, remote, c.B)
	if err != nil {
		return err
	}
	if err := checkOperands(a, b); err != nil {
		return err
	}
	return c.multiply(ctx, remote, a, b, out, log)
}

func (c *multiplyCommand) multiply(ctx context.Context, remote *client.Client, a, b operand, out streams, log io.Writer) error {
	start := time.Now()
	if err := upload(ctx, remote, "upload A", &a, log); err != nil {
		return err
	}
	if b.path != "" && b.path == a.path {
		b = a
	} else if err := upload(ctx, remote, "upload B", &b, log); err != nil {
		return err
	}
	var s summary
	s.Seconds.Upload = time.Since(start).Seconds()
	start = time.Now()
	m, err := remote.Submit(ctx, client.Submission{A: a.Operand, B: b.Operand, Priority: &c.Priority})
	if err != nil {
		return fmt.Errorf("submitting: %w", err)
	}
	fmt.Fprintf(log, "%-10s %s\n", "submitted", m.ID)
	id := m.ID
	if m, err = follow(ctx, remote, id, log); err != nil {
		if ctx.Err() != nil {
			return c.interrupted(ctx, remote, id, out.err)
		}
		return fmt.Errorf("%w; the product goes on: millrace result %s -o %s", err, id, c.Output)
	}
	s.Seconds.Compute = time.Since(start).Seconds()
	return c.finish(ctx, remote, m, s, c.RemoteConfig, out, log)
}

// upload stores the matrix of a file, and makes the operand name it.
func upload(ctx context.Context, remote *client.Client, title string, o *operand, log io.Writer) error {
	if o.path == "" {
		return nil
	}
	start := time.Now()
	bar := newProgress(log, title, o.size, true)
	m, err := remote.Upload(ctx, o.path, bar.set)
	bar.close()
	if err != nil {
		return err
	}
	bar.say(rate(o.size, time.Since(start)))
	o.Operand = client.Stored(m.ID)
	return nil
}

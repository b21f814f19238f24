package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// multiplyCommand multiplies two matrices on a server.
type multiplyCommand struct {
	remote.ServerFlags
	remote.OutputFlags
	A           string        `arg:"" optional:"" name:"A.npy" help:"Left matrix: a .npy file, a pipe that delivers one, - for standard input, random:ROWSxCOLS[:SEED], id:MATRIX_ID for a matrix on the server, or s3://BUCKET/KEY[?version=ID] for a .npy file in a bucket that the server may read."`
	B           string        `arg:"" optional:"" name:"B.npy" help:"Right matrix, likewise."`
	Batch       string        `placeholder:"FILE" help:"Multiply many pairs: a file of NDJSON, one submission a line as for POST /v1/multiplications; - is standard input. Prints one line of JSON for each, in order."`
	Detach      bool          `short:"d" help:"Print the id of the multiplication as soon as it is queued, and do not wait."`
	NoWait      bool          `help:"With --batch: print the ids as soon as the multiplications are queued."`
	Priority    int32         `default:"2" help:"1 (most urgent) to 4."`
	Retention   time.Duration `placeholder:"DURATION" help:"How long the multiplication and its result are kept after their last use, like 1h. Without it, as long as the server keeps others."`
	Webhook     string        `placeholder:"URL" help:"The url of a webhook that is told when the multiplication ends: one that was made with only_named, to which parameters may be added."`
	NoReuse     bool          `help:"Compute the result, also if the server still has that of an earlier multiplication of the same matrices."`
	OnInterrupt string        `default:"ask" enum:"ask,cancel,leave" help:"What happens to the multiplication when this command is interrupted: ${enum}. Without a terminal, ask means leave."`
}

// Help implements kong.HelpProvider.
func (multiplyCommand) Help() string {
	return `Uploads both matrices, multiplies them on the server and downloads the result. Uploads nothing unless the
shapes match. Standard input and pipes are sent as they come; when the connection breaks they cannot be sent again, and
the command fails.

With --batch there are neither matrices nor an output on the command line. Each line is sent once, also when a request
is repeated; a line that is refused is printed with its problem, and costs no other.

The output file appears when the download is complete. A download that breaks is resumed; one that is interrupted
leaves a .part file, from which "millrace result" resumes. Ctrl-C during the computation asks whether to cancel the
multiplication.

With -o s3://BUCKET/KEY the server writes the result to a bucket, and nothing is downloaded.

` + usage.ExitCodes
}

// Run implements the command.
func (c *multiplyCommand) Run(ctx context.Context, out streams) error {
	switch {
	case c.Batch != "":
		return c.runBatch(ctx, out)
	case c.NoWait:
		return usage.Errorf("--no-wait is for --batch")
	case c.B == "":
		return usage.Errorf("name two matrices, or a file of orders: --batch=FILE")
	}
	if err := c.checkOutput(out.out); err != nil {
		return err
	}
	if c.Priority < 1 || c.Priority > 4 {
		return usage.Errorf("--priority must be 1 to 4, it is %d", c.Priority)
	}
	if c.Retention < 0 || c.Retention%time.Second != 0 {
		return usage.Errorf("--retention must be a number of seconds, like 90s, it is %s", c.Retention)
	}
	log := c.Log(out.err)
	api, err := c.Connect(log)
	if err != nil {
		return err
	}
	a, err := remote.ParseOperand(ctx, api, c.A)
	if err != nil {
		return err
	}
	b := a
	if c.B != c.A { // a stream can be read only once
		if b, err = remote.ParseOperand(ctx, api, c.B); err != nil {
			return err
		}
	}
	if err := remote.CheckShapes(a, b); err != nil {
		return err
	}
	d := delivery{
		api:    api,
		output: c.OutputFlags,
		json:   c.JSON,
		stdout: out.out,
		log:    log,
	}
	start := time.Now()
	if err := upload(ctx, &a, &b, api, log); err != nil {
		return err
	}
	d.summary.Seconds.Upload = time.Since(start).Seconds()
	if c.Detach {
		return c.detach(ctx, api, a, b, out.out)
	}
	start = time.Now()
	m, err := c.compute(ctx, api, a, b, log, out.err)
	if err != nil {
		return err
	}
	d.summary.Seconds.Compute = time.Since(start).Seconds()
	return d.run(ctx, m)
}

// checkOutput checks the flags of the output. With --detach there is none.
func (c *multiplyCommand) checkOutput(stdout io.Writer) error {
	if c.InBucket() {
		_, _, err := remote.ParseObject(c.Output)
		return err
	}
	if !c.Detach {
		return c.Check(c.JSON, stdout)
	}
	if c.Output != "" {
		return usage.Errorf("--detach does not wait for the result: \"millrace result ID -o %s\" downloads it", c.Output)
	}
	return nil
}

// detach submits the multiplication and prints its id.
func (c *multiplyCommand) detach(ctx context.Context, api *client.Client, a, b remote.Operand, stdout io.Writer) error {
	m, err := c.submit(ctx, api, a, b)
	if err != nil {
		return err
	}
	if c.JSON {
		return remote.PrintJSON(stdout, m)
	}
	_, err = fmt.Fprintln(stdout, m.ID)
	return err
}

// submit submits the multiplication.
func (c *multiplyCommand) submit(
	ctx context.Context, api *client.Client, a, b remote.Operand,
) (client.Multiplication, error) {
	order := client.Submission{
		A:        a.Operand,
		B:        b.Operand,
		Priority: &c.Priority,
	}
	if c.Retention > 0 {
		seconds := int64(c.Retention / time.Second)
		order.RetentionSeconds = &seconds
	}
	if c.InBucket() {
		bucket, key, err := remote.ParseObject(c.Output)
		if err != nil {
			return client.Multiplication{}, err
		}
		order.Output = &client.NewOutput{S3: client.ObjectToWrite{Bucket: bucket, Key: key}}
	}
	if c.Webhook != "" {
		order.Webhook = &c.Webhook
	}
	if c.NoReuse {
		order.Reuse = new(false)
	}
	m, err := api.Submit(ctx, order)
	if err != nil {
		return m, fmt.Errorf("submitting: %w", err)
	}
	return m, nil
}

// upload uploads the operands that are files; the same file only once.
func upload(ctx context.Context, a, b *remote.Operand, api *client.Client, log io.Writer) error {
	if !b.SameFile(*a) {
		return remote.UploadBoth(ctx, api, a, b, log)
	}
	if err := a.Upload(ctx, api, "upload A", log); err != nil {
		return err
	}
	*b = *a
	return nil
}

// compute submits the multiplication and waits until it has finished.
func (c *multiplyCommand) compute(
	ctx context.Context, api *client.Client, a, b remote.Operand, log, stderr io.Writer,
) (client.Multiplication, error) {
	m, err := c.submit(ctx, api, a, b)
	if err != nil {
		return m, err
	}
	id := m.ID
	fmt.Fprintf(log, "%-10s %s\n", "submitted", id)
	if m.Reused != nil && *m.Reused {
		fmt.Fprintf(log, "%-10s %s\n", "reused", "the result of an earlier multiplication of the same matrices")
	}
	m, err = remote.Watch(ctx, api, id, log)
	switch {
	case err == nil:
		return m, nil
	case ctx.Err() != nil:
		return m, c.interrupted(ctx, api, id, stderr)
	}
	return m, fmt.Errorf("%w; the multiplication goes on, to download its result: millrace result %s -o %s",
		err, id, c.Output)
}

// cancelTimeout bounds the request to cancel after Ctrl-C.
const cancelTimeout = 10 * time.Second

// interrupted cancels the multiplication or leaves it, as --on-interrupt or the reply on the terminal says.
func (c *multiplyCommand) interrupted(ctx context.Context, api *client.Client, id string, stderr io.Writer) error {
	cancelling := c.OnInterrupt == "cancel" ||
		c.OnInterrupt == "ask" && terminal.Ask(stderr, "\nCancel the multiplication too? [y/N] ")
	if !cancelling {
		fmt.Fprintf(stderr, "The multiplication goes on. To download its result: millrace result %s -o %s\n",
			id, c.Output)
		return errInterrupted
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer cancel()
	if _, err := api.Cancel(ctx, id); err != nil {
		return fmt.Errorf("cancelling: %w; to try again: millrace cancel %s", err, id)
	}
	fmt.Fprintf(stderr, "The multiplication is cancelled. To resume it: millrace retry %s\n", id)
	return errInterrupted
}

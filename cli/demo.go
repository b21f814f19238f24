package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// demoCommand shows the main job from beginning to end.
type demoCommand struct {
	N      int64  `name:"size" short:"n" default:"3000" help:"Rows and columns of the two matrices."`
	DType  string `name:"dtype" default:"float64" enum:"float64,float32" help:"float64 or float32."`
	Blocks string `default:"file" help:"Block store of the demonstration: file or postgres."`
	BLAS   string `name:"blas" help:"BLAS library to load: a file, builtin for the built-in kernel, empty for the first of the usual names."`
	Dir    string `help:"Directory for the temporary files; empty is the system's." type:"existingdir"`
}

// demo is one run of it.
type demo struct {
	demoCommand
	out     io.Writer
	dir     string
	shape   matrix.Shape
	dev     *child
	client  *client.Client
	figures figures
}

// figures is what the demonstration measures.
type figures struct {
	upload, compute, download time.Duration
	peak                      int64
	product                   client.Multiplication
}

// Run implements the command.
func (c *demoCommand) Run(ctx context.Context, out streams, _ *slog.Logger) (err error) {
	shape := matrix.Shape{Rows: c.N, Cols: c.N, DType: matrix.DType(c.DType)}
	if c.N < 1 {
		return fmt.Errorf("--size must be at least 1, it is %d", c.N)
	}
	if err := shape.Validate(0); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(c.Dir, "millrace-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // Postgres may run as another user
		return err
	}
	d := &demo{demoCommand: *c, out: out.out, dir: dir, shape: shape}
	return d.run(ctx)
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

func (d *demo) run(ctx context.Context) (err error) {
	fmt.Fprintf(d.out, "Millrace %s: A·B of two %d×%d %s matrices, %.1f MB each\n",
		version(), d.shape.Rows, d.shape.Cols, d.shape.DType, megabytes(d.shape.Bytes()))
	if d.dev, err = startDev(ctx, d.dir, "--blocks="+d.Blocks, "--blas="+d.BLAS); err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(d.out, "\nThe end of its log:\n%s\n", d.dev.logTail())
		}
		err = errors.Join(err, d.dev.stop())
	}()
	if d.client, err = client.New(d.dev.API); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%-10s a private Postgres, the API on %s and workers, with %s\n", "started", d.dev.API, d.dev.Kernel)
	if d.dev.Builtin && d.BLAS == "" {
		fmt.Fprintf(d.out, "%-10s %s\n", "", builtinHint)
	}
	for i, name := range []string{"A.npy", "B.npy"} {
		if err := d.generate(ctx, name, uint64(i+1)); err != nil {
			return err
		}
	}
	if err := d.multiply(ctx); err != nil {
		return err
	}
	d.figures.peak = peakMemory(d.dev.PID)
	if err := d.check(ctx); err != nil {
		return err
	}
	d.report()
	return nil
}

// generate writes a random matrix as a .npy file.
func (d *demo) generate(ctx context.Context, name string, seed uint64) error {
	source := npy.NewFile(ctx, matrix.NewRandom(d.shape, seed), 0)
	defer func() { _ = source.Close() }()
	file, err := os.Create(d.path(name))
	if err != nil {
		return err
	}
	bar := newProgress(d.out, name, source.Size(), true)
	if _, err := io.Copy(io.MultiWriter(file, bar), source); err != nil {
		_ = file.Close()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	bar.finish("generated")
	return file.Close()
}

// multiply uploads both files, waits for the product and downloads it.
func (d *demo) multiply(ctx context.Context) error {
	var operands [2]client.Operand
	start := time.Now()
	for i, name := range []string{"A.npy", "B.npy"} {
		bar := newProgress(d.out, "upload "+name[:1], d.shape.Bytes(), true)
		from := time.Now()
		m, err := d.client.Upload(ctx, d.path(name), bar.set)
		if err != nil {
			return err
		}
		operands[i] = client.Stored(m.ID)
		bar.finish(rate(d.shape.Bytes(), time.Since(from)))
	}
	d.figures.upload = time.Since(start)

	start = time.Now()
	p, err := d.client.Submit(ctx, client.Submission{A: operands[0], B: operands[1]})
	if err != nil {
		return err
	}
	bar := newProgress(d.out, "multiply", p.Tiles.Total, false)
	p, err = d.client.Wait(ctx, p.ID, func(e client.Event) { bar.set(e.Tiles.Completed) })
	if err == nil {
		err = outcome(p)
	}
	if err != nil {
		return err
	}
	d.figures.compute, d.figures.product = time.Since(start), p
	bar.finish(fmt.Sprintf("%d tiles in %.2f s", p.Tiles.Total, d.figures.compute.Seconds()))
	return d.download(ctx, p)
}

func (d *demo) download(ctx context.Context, p client.Multiplication) error {
	start := time.Now()
	bar := newProgress(d.out, "download C", p.Result.Bytes, true)
	file, err := os.Create(d.path("C.npy"))
	if err != nil {
		return err
	}
	err = errors.Join(d.client.Result(p.ID, file, bar.of).Run(ctx), file.Close())
	if err != nil {
		return err
	}
	d.figures.download = time.Since(start)
	bar.finish(rate(p.Result.Bytes, d.figures.download))
	return nil
}

// check verifies the downloaded product against the files, by another path than the workers did.
func (d *demo) check(ctx context.Context) error {
	start := time.Now()
	worst, err := verify(ctx, d.path("A.npy"), d.path("B.npy"), d.path("C.npy"))
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%-10s C equals A·B: error at most %.2g of what rounding allows (%.1f s)\n", "checked", worst, time.Since(start).Seconds())
	return nil
}

// report prints the figures.
func (d *demo) report() {
	f, n := d.figures, float64(d.shape.Rows)
	p := f.product
	flops := 2 * n * n * n
	worked := f.compute
	if p.StartedAt != nil && p.FinishedAt != nil {
		worked = p.FinishedAt.Sub(*p.StartedAt)
	}
	fmt.Fprintf(d.out, `
  upload    %8.2f s   %s
  multiply  %8.2f s   POST to completed; %.1f GFLOP/s while it worked
  download  %8.2f s   %s
  together  %8.2f s
  tiles     %8d     of at most 2,560×2,048, %d attempts
  kernel    %s
`, f.upload.Seconds(), rate(2*d.shape.Bytes(), f.upload), f.compute.Seconds(), flops/worked.Seconds()/1e9,
		f.download.Seconds(), rate(d.shape.Bytes(), f.download), (f.upload + f.compute + f.download).Seconds(),
		p.Tiles.Total, p.Attempts, d.dev.Kernel)
	if f.peak > 0 {
		fmt.Fprintf(d.out, "  memory    %8.0f MiB at most, API and workers in one process, without Postgres\n", float64(f.peak)/(1<<20))
	}
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

func rate(bytes int64, d time.Duration) string {
	return fmt.Sprintf("%.1f MB in %.2f s, %.0f MB/s", megabytes(bytes), d.Seconds(), megabytes(bytes)/d.Seconds())
}

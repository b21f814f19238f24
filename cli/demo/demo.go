// Package demo runs a whole Millrace as a child process, multiplies two matrices on it, and checks the result.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/server"
)

// Options are the flags of a demonstration.
type Options struct {
	N      int64  `name:"size" short:"n" default:"3000" help:"Rows and columns of the two matrices."`
	DType  string `name:"dtype" default:"float64" help:"float64 or float32, or another name that NumPy has for them."`
	Blocks string `default:"file" help:"Block store of the demonstration: file or postgres."`
	BLAS   string `name:"blas" help:"Kernel: a file (a BLAS library), builtin, avx512, avx2, neon or gonum; empty for the fastest of this machine."`
	Auth   bool   `help:"Ask for keys, as a server for others does: the demonstration makes one and uses it."`
	Dir    string `help:"Directory for the temporary files; empty is the system's." type:"existingdir"`
}

// demo is one run.
type demo struct {
	Options
	out     io.Writer
	dir     string
	shape   matrix.Shape // of both operands and of the result
	dev     *child
	api     *client.Client
	figures figures
}

// Run runs a demonstration, prints its steps and figures to out, and removes its files.
func Run(ctx context.Context, o Options, out io.Writer) (err error) {
	if o.N < 1 {
		return fmt.Errorf("--size must be at least 1, it is %d", o.N)
	}
	dtype, err := matrix.ParseDType(o.DType)
	if err != nil {
		return fmt.Errorf("--dtype: %w", err)
	}
	shape := matrix.Shape{
		Rows:  o.N,
		Cols:  o.N,
		DType: dtype,
	}
	if err := shape.Validate(0); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.Dir, "millrace-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{
		Options: o,
		out:     out,
		dir:     dir,
		shape:   shape,
	}
	return d.run(ctx)
}

// path returns the path of a temporary file.
func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// step prints a line about a step that is done.
func (d *demo) step(title, format string, args ...any) {
	fmt.Fprintf(d.out, "%-10s %s\n", title, fmt.Sprintf(format, args...))
}

func (d *demo) run(ctx context.Context) (err error) {
	fmt.Fprintf(d.out, "Millrace %s: A·B of two %d×%d %s matrices, %.1f MB each\n",
		server.Version(), d.shape.Rows, d.shape.Cols, d.shape.DType, terminal.Megabytes(d.shape.Bytes()))
	flags := []string{"--blocks=" + d.Blocks, "--blas=" + d.BLAS, fmt.Sprintf("--auth=%t", d.Auth)}
	if d.dev, err = startDev(ctx, d.dir, flags...); err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(d.out, "\nThe end of its log:\n%s\n", d.dev.logTail())
		}
		err = errors.Join(err, d.dev.stop())
	}()
	if d.api, err = client.New(d.dev.info.API, d.token()...); err != nil {
		return err
	}
	d.step("started", "a private Postgres, the API on %s and workers, with %s", d.dev.info.API, d.dev.info.Kernel)
	if d.dev.info.Portable && d.BLAS == "" {
		d.step("", server.BuiltinHint)
	}
	if err := d.generate(ctx, "A.npy", 1); err != nil {
		return err
	}
	if err := d.generate(ctx, "B.npy", 2); err != nil {
		return err
	}
	if err := d.transferAndMultiply(ctx); err != nil {
		return err
	}
	d.figures.peakMemory = peakMemory(d.dev.info.PID)
	if err := d.check(ctx); err != nil {
		return err
	}
	d.report()
	return nil
}

// token returns how the client says for whom it acts, if the server asks.
func (d *demo) token() []client.ClientOption {
	if d.dev.info.Token == "" {
		return nil
	}
	return []client.ClientOption{client.WithToken(func(context.Context) (string, error) { return d.dev.info.Token, nil })}
}

// generate writes a random matrix as a .npy file.
func (d *demo) generate(ctx context.Context, name string, seed uint64) error {
	source := npy.NewFile(ctx, matrix.NewRandom(d.shape, seed), 0)
	defer func() { _ = source.Close() }()
	file, err := os.Create(d.path(name))
	if err != nil {
		return err
	}
	bar := terminal.NewBar(d.out, name, source.Size(), terminal.Bytes)
	defer bar.Clear()
	if _, err := io.Copy(io.MultiWriter(file, bar), source); err != nil {
		_ = file.Close()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	bar.Finish("generated")
	return file.Close()
}

// transferAndMultiply uploads both operands, multiplies them and downloads the result.
func (d *demo) transferAndMultiply(ctx context.Context) error {
	start := time.Now()
	a, err := d.upload(ctx, "upload A", "A.npy")
	if err != nil {
		return err
	}
	b, err := d.upload(ctx, "upload B", "B.npy")
	if err != nil {
		return err
	}
	d.figures.upload = time.Since(start)
	if err := d.multiply(ctx, a, b); err != nil {
		return err
	}
	return d.download(ctx)
}

func (d *demo) upload(ctx context.Context, title, name string) (client.Operand, error) {
	start := time.Now()
	bar := terminal.NewBar(d.out, title, d.shape.Bytes(), terminal.Bytes)
	defer bar.Clear()
	m, err := d.api.Upload(ctx, d.path(name), bar.Set)
	if err != nil {
		return client.Operand{}, err
	}
	bar.Finish(terminal.Rate(d.shape.Bytes(), time.Since(start)))
	return client.Stored(m.ID), nil
}

// multiply submits the multiplication and waits until it is completed.
func (d *demo) multiply(ctx context.Context, a, b client.Operand) error {
	start := time.Now()
	m, err := d.api.Submit(ctx, client.Submission{A: a, B: b})
	if err != nil {
		return fmt.Errorf("submitting: %w", err)
	}
	if m, err = remote.Watch(ctx, d.api, m.ID, d.out); err != nil {
		return err
	}
	d.figures.compute = time.Since(start)
	d.figures.multiplication = m
	return remote.CheckCompleted(m)
}

// download downloads the result.
func (d *demo) download(ctx context.Context) error {
	m := d.figures.multiplication
	start := time.Now()
	bar := terminal.NewBar(d.out, "download C", m.Result.Bytes, terminal.Bytes)
	defer bar.Clear()
	file, err := os.Create(d.path("C.npy"))
	if err != nil {
		return err
	}
	err = d.api.Result(m.ID, file, bar.SetOf).Run(ctx)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("downloading: %w", err)
	}
	d.figures.download = time.Since(start)
	bar.Finish(terminal.Rate(m.Result.Bytes, d.figures.download))
	return nil
}

// check verifies the downloaded result against the files of the operands, with another algorithm than the workers use.
func (d *demo) check(ctx context.Context) error {
	start := time.Now()
	worst, err := verify(ctx, d.path("A.npy"), d.path("B.npy"), d.path("C.npy"))
	if err != nil {
		return err
	}
	d.step("checked", "C equals A·B: error at most %.2g of what rounding allows (%.1f s)",
		worst, time.Since(start).Seconds())
	return nil
}

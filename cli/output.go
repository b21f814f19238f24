package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/client"
)

// OutputConfig says where a product goes.
type OutputConfig struct {
	Output string `short:"o" required:"" placeholder:"C.npy" help:"File for the product; - is standard output."`
	Force  bool   `short:"f" help:"Overwrite the file if there is one."`
	Quiet  bool   `short:"q" help:"Print nothing but errors."`
}

// check refuses what would fail only after all the work.
func (c OutputConfig) check(json bool) error {
	if c.Output == "-" {
		if json {
			return usagef("--json and -o - both want standard output")
		}
		return nil
	}
	info, err := os.Stat(c.Output)
	switch {
	case err == nil && info.IsDir():
		return usagef("%s is a directory, name a file in it", c.Output)
	case err == nil && !c.Force:
		return usagef("%s exists already; --force overwrites it", c.Output)
	}
	if dir, err := os.Stat(filepath.Dir(c.Output)); err != nil {
		return usageError{err}
	} else if !dir.IsDir() {
		return usagef("%s is not a directory", filepath.Dir(c.Output))
	}
	return nil
}

// log is where progress is shown.
func (c OutputConfig) log(out streams) io.Writer {
	if c.Quiet {
		return io.Discard
	}
	return out.err
}

// finish downloads a product that has ended well, and reports.
func (c OutputConfig) finish(
	ctx context.Context, remote *client.Client, m client.Multiplication, s summary, json RemoteConfig, out streams, log io.Writer,
) error {
	s.ID, s.State, s.Multiplication = m.ID, string(m.State), m
	err := outcome(m)
	if err == nil {
		start := time.Now()
		if s.Bytes, s.Verified, err = c.fetch(ctx, remote, m, out.out, log); err == nil {
			s.Output, s.Seconds.Download = c.Output, time.Since(start).Seconds()
		}
	}
	if json.JSON {
		err = errors.Join(err, json.print(out.out, s, nil))
	}
	return err
}

// outcome turns a product without a result into an error.
func outcome(m client.Multiplication) error {
	switch m.State {
	case client.MultiplicationStateFailed:
		reason := "no reason is given"
		if m.Failure != nil {
			reason = *m.Failure
		}
		return fmt.Errorf("the product failed: %s; millrace show %s tells more, millrace retry %[2]s tries again", reason, m.ID)
	case client.MultiplicationStateCancelled:
		return fmt.Errorf("the product was cancelled; millrace retry %s goes on with it", m.ID)
	}
	return nil
}

// fetch downloads a product under the name of the output.
func (c OutputConfig) fetch(
	ctx context.Context, remote *client.Client, m client.Multiplication, stdout, log io.Writer,
) (size int64, verified bool, err error) {
	bar := newProgress(log, "download", m.Result.Bytes, true)
	start := time.Now()
	moved := func(done, total int64) { size = done; bar.of(done, total) }
	if c.Output == "-" {
		d := remote.Result(m.ID, stdout, moved)
		err = d.Run(ctx)
		verified = d.Verified()
	} else {
		verified, err = c.fetchFile(ctx, remote, m.ID, moved)
	}
	bar.close()
	if err != nil {
		return size, false, c.explain(m.ID, err)
	}
	bar.say(rate(size, time.Since(start)))
	if c.Output != "-" {
		fmt.Fprintf(log, "%-10s %s, %d×%d %s\n", "done", c.Output, m.Result.Rows, m.Result.Cols, m.Result.Dtype)
	}
	return size, verified, nil
}

// explain says how to go on.
func (c OutputConfig) explain(id string, err error) error {
	if c.Output == "-" {
		return fmt.Errorf("downloading: %w", err)
	}
	return fmt.Errorf("downloading: %w; millrace result %s -o %s goes on from here", err, id, c.Output)
}

// fetchFile downloads into a file beside the output, which takes its name when it is whole. The name of the part says of
// which product it is: what an earlier command has left of it is not fetched again.
func (c OutputConfig) fetchFile(ctx context.Context, remote *client.Client, id string, moved func(done, total int64)) (verified bool, err error) {
	path := c.Output + "." + id + ".part"
	part, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // as every program writes its output
	if err != nil {
		return false, err
	}
	defer func() { _ = part.Close() }()
	for {
		d := remote.Result(id, part, moved)
		if err := d.Resume(part); err != nil {
			return false, err
		}
		resumed, err := part.Seek(0, io.SeekEnd)
		if err != nil {
			return false, err
		}
		if err = d.Run(ctx); err == nil {
			return d.Verified(), c.install(part)
		}
		if !errors.Is(err, client.ErrDigest) {
			return false, err
		}
		if err := errors.Join(part.Truncate(0), rewind(part)); err != nil {
			return false, err
		}
		if resumed == 0 {
			return false, err
		}
	}
}

func rewind(file *os.File) error {
	_, err := file.Seek(0, io.SeekStart)
	return err
}

// install gives the whole file its name.
func (c OutputConfig) install(part *os.File) error {
	if err := part.Sync(); err != nil { // or a crash might leave the name without the content
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), c.Output)
}

package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// OutputFlags are the flags of the commands that download a result.
type OutputFlags struct {
	Output string `short:"o" required:"" placeholder:"C.npy" help:"File for the result; - is standard output."`
	Force  bool   `short:"f" help:"Overwrite the file if it exists."`
	Quiet  bool   `short:"q" help:"Print only errors."`
}

// stdoutName is the name of the output that stands for the standard output.
const stdoutName = "-"

// Check returns an error for an output that could not be written, before any work is done for it.
func (f OutputFlags) Check(json bool) error {
	if f.Output == stdoutName {
		if json {
			return usage.Errorf("--json and -o - both write to standard output")
		}
		return nil
	}
	info, err := os.Stat(f.Output)
	switch {
	case err == nil && info.IsDir():
		return usage.Errorf("%s is a directory, name a file in it", f.Output)
	case err == nil && !f.Force:
		return usage.Errorf("%s exists already; --force overwrites it", f.Output)
	}
	dir, err := os.Stat(filepath.Dir(f.Output))
	if err != nil {
		return usage.Errorf("--output: %w", err)
	}
	if !dir.IsDir() {
		return usage.Errorf("%s is not a directory", filepath.Dir(f.Output))
	}
	return nil
}

// Log returns where progress is shown: stderr, or nowhere with --quiet.
func (f OutputFlags) Log(stderr io.Writer) io.Writer {
	if f.Quiet {
		return io.Discard
	}
	return stderr
}

// Download is a result that was downloaded.
type Download struct {
	Bytes    int64
	Verified bool // by the digest of the server
}

// Download downloads the result of a completed multiplication to the output.
func (f OutputFlags) Download(
	ctx context.Context, api *client.Client, m client.Multiplication, stdout, log io.Writer,
) (d Download, err error) {
	bar := terminal.NewBar(log, "download", m.Result.Bytes, terminal.Bytes)
	defer bar.Clear()
	start := time.Now()
	progress := func(done, total int64) {
		d.Bytes = done
		bar.SetOf(done, total)
	}
	if f.Output == stdoutName {
		download := api.Result(m.ID, stdout, progress)
		if err := download.Run(ctx); err != nil {
			return d, fmt.Errorf("downloading: %w", err)
		}
		d.Verified = download.Verified()
	} else if d.Verified, err = f.downloadFile(ctx, api, m.ID, progress); err != nil {
		return d, fmt.Errorf("downloading: %w; millrace result %s -o %s resumes the download", err, m.ID, f.Output)
	}
	bar.Finish(terminal.Rate(d.Bytes, time.Since(start)))
	if f.Output != stdoutName {
		fmt.Fprintf(log, "%-10s %s, %d×%d %s\n", "done", f.Output, m.Result.Rows, m.Result.Cols, m.Result.Dtype)
	}
	return d, nil
}

// downloadFile downloads into a .part file beside the output and renames it once it is complete. The name of the .part
// file contains the id of the multiplication, so that a later command resumes the download. A digest that does not
// match discards the .part file; if an earlier command had written some of it, downloadFile starts over.
func (f OutputFlags) downloadFile(
	ctx context.Context, api *client.Client, id string, progress func(done, total int64),
) (verified bool, err error) {
	path := f.Output + "." + id + ".part"
	part, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // as every program writes its output
	if err != nil {
		return false, err
	}
	defer func() { _ = part.Close() }()
	for {
		download := api.Result(id, part, progress)
		if err := download.Resume(part); err != nil {
			return false, err
		}
		resumed, err := part.Seek(0, io.SeekEnd)
		if err != nil {
			return false, err
		}
		err = download.Run(ctx)
		if err == nil {
			if err := install(part, f.Output); err != nil {
				return false, err
			}
			return download.Verified(), nil
		}
		if !errors.Is(err, client.ErrDigest) {
			return false, err
		}
		if err := empty(part); err != nil {
			return false, err
		}
		if resumed == 0 {
			return false, err
		}
	}
}

// empty truncates a file.
func empty(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}

// install renames a complete file.
func install(part *os.File, name string) error {
	if err := part.Sync(); err != nil { // or a crash might leave the name without the content
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), name)
}

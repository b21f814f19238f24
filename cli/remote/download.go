package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/client"
)

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
	to, err := f.target(stdout)
	if err != nil {
		return d, fmt.Errorf("%w; the result stays on the server: millrace result %s", err, m.ID)
	}
	switch to {
	case toStdout:
		d.Verified, err = downloadTo(ctx, api, m.ID, stdout, progress)
	case inPlace:
		d.Verified, err = f.downloadInPlace(ctx, api, m.ID, progress)
	default:
		if d.Verified, err = f.downloadFile(ctx, api, m.ID, progress); err != nil {
			err = fmt.Errorf("%w; millrace result %s -o %s resumes the download", err, m.ID, f.Output)
		}
	}
	if err != nil {
		return d, fmt.Errorf("downloading: %w", err)
	}
	bar.Finish(terminal.Rate(d.Bytes, time.Since(start)))
	if to != toStdout {
		fmt.Fprintf(log, "%-10s %s, %d×%d %s\n", "done", f.Output, m.Result.Rows, m.Result.Cols, m.Result.Dtype)
	}
	return d, nil
}

// downloadTo downloads to a writer.
func downloadTo(
	ctx context.Context, api *client.Client, id string, w io.Writer, progress func(done, total int64),
) (verified bool, err error) {
	download := api.Result(id, w, progress)
	err = download.Run(ctx)
	return err == nil && download.Verified(), err
}

// downloadInPlace writes into what the output is. If that is a file, reached by a symbolic link, it is empty after an
// error, so that it cannot be taken for a result.
func (f OutputFlags) downloadInPlace(
	ctx context.Context, api *client.Client, id string, progress func(done, total int64),
) (verified bool, err error) {
	out, err := interruptible(ctx, func() (*os.File, error) {
		const flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		return os.OpenFile(f.Output, flags, 0o644) //nolint:gosec // as every program writes its output
	})
	if err != nil {
		return false, err
	}
	verified, err = downloadTo(ctx, api, id, out, progress)
	if info, statErr := out.Stat(); err != nil && statErr == nil && info.Mode().IsRegular() {
		err = errors.Join(err, out.Truncate(0))
	}
	return verified, errors.Join(err, out.Close())
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
		out := &eagerFile{File: part}
		download := api.Result(id, out, progress)
		if err := download.Resume(part); err != nil {
			return false, err
		}
		resumed, err := part.Seek(0, io.SeekEnd)
		if err != nil {
			return false, err
		}
		out.end, out.begun = resumed, resumed
		err = download.Run(ctx)
		if err == nil {
			if err := f.install(part); err != nil {
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

// install renames a complete file, unless the output has become something that it must not replace.
func (f OutputFlags) install(part *os.File) error {
	if err := part.Sync(); err != nil { // or a crash might leave the name without the content
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	if to, err := f.target(nil); err != nil {
		return err
	} else if to != toFile {
		return fmt.Errorf("%s is not a file any more", f.Output)
	}
	return os.Rename(part.Name(), f.Output)
}

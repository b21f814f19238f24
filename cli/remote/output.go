package remote

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/cli/usage"
)

// OutputFlags are the flags of the commands that download a result.
type OutputFlags struct {
	Output string `short:"o" placeholder:"C.npy" help:"File for the result; - is standard output. A device, a pipe or a symbolic link is written to in place."`
	Force  bool   `short:"f" help:"Overwrite the file if it exists."`
	Quiet  bool   `short:"q" help:"Print only errors."`
}

// stdoutName is the name of the output that stands for the standard output.
const stdoutName = "-"

// target is how a result gets to its output.
type target int

const (
	toFile   target = iota // downloaded beside the output, and renamed when it is complete
	inPlace                // written into what is there: a rename would put a file in the place of a device or a link
	toStdout               // written to the standard output of this process
)

// Check returns an error for an output that could not be written, before any work is done for it.
func (f OutputFlags) Check(json bool, stdout io.Writer) error {
	if f.Output == "" {
		return usage.Errorf("missing flags: --output=C.npy, the file for the result")
	}
	to, err := f.target(stdout)
	if err == nil && to == toStdout && terminal.Is(stdout) {
		return usage.Errorf("the result is binary, and standard output is a terminal: name a file, or send it through a pipe")
	}
	if err == nil && to == toStdout && json {
		return usage.Errorf("--json and -o %s both write to standard output", f.Output)
	}
	return err
}

// target looks at what the output is. It returns an error if it may not be written.
func (f OutputFlags) target(stdout io.Writer) (target, error) {
	if f.Output == stdoutName {
		return toStdout, nil
	}
	link, err := os.Lstat(f.Output)
	if errors.Is(err, fs.ErrNotExist) {
		return toFile, checkParent(f.Output)
	}
	if err != nil {
		return 0, usage.Errorf("--output: %w", err)
	}
	info, err := os.Stat(f.Output)
	switch {
	case errors.Is(err, fs.ErrNotExist): // a symbolic link to a file that is not there yet
		return inPlace, nil
	case err != nil:
		return 0, usage.Errorf("--output: %w", err)
	case info.IsDir():
		return 0, usage.Errorf("%s is a directory, name a file in it", f.Output)
	case !link.Mode().IsRegular() && isStdout(info, stdout): // /dev/stdout
		return toStdout, nil
	case keeps(info) && !f.Force:
		return 0, usage.Errorf("%s exists already; --force overwrites it", f.Output)
	case link.Mode().IsRegular():
		return toFile, nil
	}
	return inPlace, nil
}

// checkParent returns an error if a new file cannot be in its directory.
func checkParent(path string) error {
	parent := filepath.Dir(path)
	info, err := os.Stat(parent)
	if err != nil {
		return usage.Errorf("--output: %w", err)
	}
	if !info.IsDir() {
		return usage.Errorf("%s is not a directory", parent)
	}
	return nil
}

// keeps reports whether something has content that writing to it would overwrite: a file or a disk, but not a pipe or
// a terminal.
func keeps(info fs.FileInfo) bool {
	mode := info.Mode()
	disk := mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0
	return mode.IsRegular() || disk
}

// isStdout reports whether a file is the standard output of this process. Opening it by its name would begin at its
// start, although something may have been written to it.
func isStdout(info fs.FileInfo, stdout io.Writer) bool {
	file, ok := stdout.(*os.File)
	if !ok {
		return false
	}
	opened, err := file.Stat()
	return err == nil && os.SameFile(info, opened)
}

// Log returns where progress is shown: stderr, or nowhere with --quiet.
func (f OutputFlags) Log(stderr io.Writer) io.Writer {
	if f.Quiet {
		return io.Discard
	}
	return stderr
}

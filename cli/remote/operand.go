package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// Operand is an operand of a multiplication, as the command line names it.
type Operand struct {
	client.Operand // of a file, empty before Upload

	name   string
	shape  matrix.Shape
	path   string  // of a .npy file, else empty
	stream *stream // nil for other operands
	size   int64   // of the file or stream, in bytes
}

// ParseOperand parses an argument: the path of a .npy file or of a pipe that delivers one, - for the standard input,
// random:ROWSxCOLS[:SEED], id:MATRIX_ID, or s3://BUCKET/KEY[?version=ID]. But for that of an object, it finds
// out the shape, so that CheckShapes can refuse the operands before anything is uploaded.
func ParseOperand(ctx context.Context, api *client.Client, arg string) (Operand, error) {
	if text, ok := strings.CutPrefix(arg, "random:"); ok {
		return randomOperand(arg, text)
	}
	if id, ok := strings.CutPrefix(arg, "id:"); ok {
		m, err := api.Matrix(ctx, id)
		if err != nil {
			return Operand{}, err
		}
		shape := matrix.Shape{
			Rows:  m.Rows,
			Cols:  m.Cols,
			DType: matrix.DType(m.Dtype),
		}
		return Operand{
			Operand: client.Stored(id),
			name:    arg,
			shape:   shape,
		}, nil
	}
	if strings.HasPrefix(arg, objectPrefix) {
		object, err := parseVersion(arg)
		return Operand{Operand: client.Operand{S3: &object}, name: arg}, err
	}
	if arg == stdinName {
		return streamOperand(ctx, arg, "standard input", os.Stdin)
	}
	return fileOperand(ctx, arg)
}

// objectPrefix begins the name of an object in a bucket that the server reads or writes.
const objectPrefix = "s3://"

// InBucket reports whether an output is an object in a bucket.
func (f OutputFlags) InBucket() bool { return strings.HasPrefix(f.Output, objectPrefix) }

// ParseObject parses s3://BUCKET/KEY. The key is what follows, as it is.
func ParseObject(arg string) (bucket, key string, err error) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(arg, objectPrefix), "/")
	if bucket == "" || key == "" {
		err = usage.Errorf("%s: an object in a bucket is s3://BUCKET/KEY", arg)
	}
	return bucket, key, err
}

// versionMark is before the id of the version of an object.
const versionMark = "?version="

// parseVersion parses s3://BUCKET/KEY[?version=ID]. With several marks the last one counts, so that each key has a
// name: one with a mark in it ends with another one, and no id.
func parseVersion(arg string) (client.ObjectToRead, error) {
	name, version := arg, ""
	if at := strings.LastIndex(arg, versionMark); at >= 0 {
		name, version = arg[:at], arg[at+len(versionMark):]
	}
	bucket, key, err := ParseObject(name)
	object := client.ObjectToRead{Bucket: bucket, Key: key}
	if version != "" {
		object.Version = &version
	}
	return object, err
}

// streamOperand reads the header of a stream.
func streamOperand(ctx context.Context, arg, name string, file *os.File) (Operand, error) {
	s, err := openStream(ctx, name, file)
	if err != nil {
		return Operand{}, err
	}
	return Operand{
		name:   arg,
		shape:  s.shape,
		stream: s,
		size:   s.size,
	}, nil
}

// randomOperand parses ROWSxCOLS[:SEED].
func randomOperand(arg, text string) (Operand, error) {
	size, seedText, seeded := strings.Cut(text, ":")
	rowText, colText, _ := strings.Cut(size, "x")
	rows, rowErr := strconv.ParseInt(rowText, 10, 64)
	cols, colErr := strconv.ParseInt(colText, 10, 64)
	var seed int64
	var seedErr error
	if seeded {
		seed, seedErr = strconv.ParseInt(seedText, 10, 64)
	}
	if errors.Join(rowErr, colErr, seedErr) != nil || rows < 0 || cols < 0 || seed < 0 {
		return Operand{}, usage.Errorf("%s: a random matrix is random:ROWSxCOLS or random:ROWSxCOLS:SEED, "+
			"for example random:1000x500:7", arg)
	}
	return Operand{
		Operand: client.Operand{Random: &client.RandomMatrix{
			Rows: rows,
			Cols: cols,
			Seed: &seed,
		}},
		name: arg,
		shape: matrix.Shape{
			Rows:  rows,
			Cols:  cols,
			DType: matrix.Float64,
		},
	}, nil
}

// fileOperand reads the header of a .npy file and compares the size of the file with it. A pipe or a device, which has
// no size, is a stream.
func fileOperand(ctx context.Context, path string) (Operand, error) {
	file, err := interruptible(ctx, func() (*os.File, error) { return os.Open(path) })
	if ctx.Err() != nil {
		return Operand{}, ctx.Err()
	}
	if err != nil {
		return Operand{}, usage.Errorf("reading an operand: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return streamOperand(ctx, path, path, file)
	}
	defer func() { _ = file.Close() }()
	if err != nil {
		return Operand{}, usage.Errorf("reading an operand: %w", err)
	}
	if info.IsDir() {
		return Operand{}, usage.Errorf("%s is a directory, not a file", path)
	}
	npy, err := npy.NewReader(bufio.NewReader(file), 0)
	if err != nil {
		return Operand{}, usage.Errorf("%s: %w", path, err)
	}
	header := npy.Header()
	if want := header.FileBytes(); info.Size() != want {
		return Operand{}, usage.Errorf("%s has %d bytes, but a .npy file with a matrix of %s has %d: "+
			"it is truncated, or has more than one array", path, info.Size(), header.Shape, want)
	}
	return Operand{
		name:  path,
		shape: header.Shape,
		path:  path,
		size:  info.Size(),
	}, nil
}

// CheckShapes returns an error unless the product A·B of two operands is defined, as far as their shapes are known.
func CheckShapes(a, b Operand) error {
	if a.S3 != nil || b.S3 != nil {
		return nil
	}
	if a.shape.Cols != b.shape.Rows {
		return usage.Errorf("%s is %d×%d and %s is %d×%d: the columns of the first must equal the rows of the second",
			a.name, a.shape.Rows, a.shape.Cols, b.name, b.shape.Rows, b.shape.Cols)
	}
	return nil
}

// SameFile reports whether two operands are the same file or stream, which must be uploaded only once.
func (o *Operand) SameFile(other Operand) bool { return o.isFile() && o.name == other.name }

// isFile reports whether the operand must be uploaded.
func (o *Operand) isFile() bool { return o.path != "" || o.stream != nil }

// Upload uploads the file or stream of an operand and shows the progress under a title. It does nothing for other
// operands.
func (o *Operand) Upload(ctx context.Context, api *client.Client, title string, log io.Writer) error {
	if !o.isFile() {
		return nil
	}
	start := time.Now()
	bar := terminal.NewBar(log, title, o.size, terminal.Bytes)
	defer bar.Clear()
	m, err := o.send(ctx, api, bar.Set)
	if err != nil {
		return err
	}
	bar.Finish(terminal.Rate(o.size, time.Since(start)))
	o.Operand = client.Stored(m.ID)
	return nil
}

// UploadFile uploads the .npy file or stream that an argument names.
func UploadFile(ctx context.Context, api *client.Client, name string, log io.Writer) (client.Matrix, error) {
	var o Operand
	var err error
	if name == stdinName {
		o, err = streamOperand(ctx, name, "standard input", os.Stdin)
	} else {
		o, err = fileOperand(ctx, name)
	}
	if err != nil {
		return client.Matrix{}, err
	}
	if err := o.Upload(ctx, api, "upload", log); err != nil {
		return client.Matrix{}, err
	}
	return api.Matrix(ctx, *o.MatrixID)
}

// UploadBoth uploads two operands that are different files at the same time: one after the other would leave the CPUs
// waiting, of this machine, of the server, or of both. Streams are sent one after the other, since what delivers them
// may deliver one first.
func UploadBoth(ctx context.Context, api *client.Client, a, b *Operand, log io.Writer) error {
	if a.path == "" || b.path == "" {
		if err := a.Upload(ctx, api, uploadTitles[0], log); err != nil {
			return err
		}
		return b.Upload(ctx, api, uploadTitles[1], log)
	}
	bar := terminal.NewBar(log, "upload", a.size+b.size, terminal.Bytes)
	defer bar.Clear()
	var mutex sync.Mutex // of the bar
	var sent [2]int64
	var took [2]time.Duration
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i, o := range []*Operand{a, b} {
		group.Go(func() error {
			m, err := o.send(ctx, api, func(n int64) {
				mutex.Lock()
				defer mutex.Unlock()
				sent[i] = n
				bar.Set(sent[0] + sent[1])
			})
			took[i] = time.Since(start)
			o.Operand = client.Stored(m.ID)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	bar.Clear()
	for i, o := range []*Operand{a, b} {
		fmt.Fprintf(log, "%-10s %s\n", uploadTitles[i], terminal.Rate(o.size, took[i]))
	}
	return nil
}

// uploadTitles are what the progress of the operands is shown under.
var uploadTitles = [2]string{"upload A", "upload B"}

// send uploads the file or stream of an operand.
func (o *Operand) send(ctx context.Context, api *client.Client, progress func(n int64)) (client.Matrix, error) {
	if o.stream == nil {
		return api.Upload(ctx, o.path, progress)
	}
	m, err := api.UploadStream(ctx, o.stream, o.size, progress)
	if fault := o.stream.fault.Load(); fault != nil {
		return m, *fault
	}
	return m, err
}

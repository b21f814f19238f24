package handlers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
)

const (
	mediaNPY       = "application/x-npy"
	mediaJSON      = "application/json"
	mediaMultipart = "multipart/form-data"
	mediaBytes     = "application/octet-stream"
)

// StreamedBody is the input of an operation that reads its body itself, as a stream: matrices do not fit in memory.
type StreamedBody struct {
	IdempotencyParam
	DigestParams
	reader *bodyReader
	header http.Header
}

// Resolve implements huma.Resolver.
func (b *StreamedBody) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	b.reader, b.header = &bodyReader{Reader: r.Body}, r.Header
	return b.IdempotencyParam.Resolve(ctx)
}

// request returns what is asked for with a body of one of the given types.
func (b *StreamedBody) request(kinds ...string) (r request, err error) {
	if r.key, err = b.key(); err != nil {
		return r, err
	}
	r.path = b.path
	r.body, err = b.receive(r.key != "", kinds...)
	return r, err
}

// bodyReader marks what goes wrong while a body is read as the client's doing: a connection that breaks, chunks that make
// no sense. That a client stalls has an error of its own.
type bodyReader struct {
	io.Reader
	err error // the last one, other than io.EOF
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if b.err = err; !errors.Is(err, os.ErrDeadlineExceeded) {
		b.err = fmt.Errorf("%w: the body cannot be read: %w", errBadRequest, err)
	}
	return n, b.err
}

// mediaType returns the type of the body, which must be one of the given ones, and its parameters.
func (b *StreamedBody) mediaType(kinds ...string) (string, map[string]string, error) {
	value := b.header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return "", nil, fmt.Errorf("%w: Content-Type %q", errMediaType, value)
	}
	if kind == mediaBytes && slices.Contains(kinds, mediaNPY) { // what clients say that do not know better
		kind = mediaNPY
	}
	if !slices.Contains(kinds, kind) {
		return "", nil, fmt.Errorf("%w: %s, send %s", errMediaType, kind, strings.Join(kinds, " or "))
	}
	return kind, params, nil
}

// operands receives the matrices of one request and removes what it has stored of them if the request fails.
type operands struct {
	ctx     context.Context //nolint:containedctx // lives as long as the request
	store   *store.Store
	limit   int64
	uploads []*store.Upload
}

// end keeps what was stored if it was accepted, and removes the rest. What it cannot remove now is swept.
func (o *operands) end(accepted bool, log *slog.Logger) {
	for _, u := range o.uploads {
		end := u.Abort
		if accepted {
			end = u.DropCopy
		}
		if err := end(); err != nil {
			log.WarnContext(o.ctx, "removing what is not needed of a request", "error", err)
		}
	}
}

// upload begins to receive a matrix.
func (o *operands) upload(shape matrix.Shape, fortran bool, source store.MatrixSource) *store.Upload {
	u := o.store.NewUpload(o.ctx, shape, fortran, source)
	o.uploads = append(o.uploads, u)
	return u
}

// finish ends an upload.
func (o *operands) finish(u *store.Upload) (jobs.Operand, error) {
	m, err := u.Close()
	return jobs.Operand{Matrix: m, Upload: u}, err
}

// copyBuffer is large enough that conversions run over whole cache lines of elements, small enough to stay in the cache.
const copyBuffer = 256 << 10

// readNPY receives a .npy file of size bytes, or of unknown size when that is negative.
func (o *operands) readNPY(r io.Reader, size int64) (jobs.Operand, error) {
	reader, err := npy.NewReader(bufio.NewReaderSize(r, copyBuffer), o.limit)
	if err != nil {
		return jobs.Operand{}, err
	}
	if want := reader.Header().FileBytes(); size >= 0 && size != want {
		return jobs.Operand{}, fmt.Errorf("%w: a .npy file of %s has %d bytes, the body has %d",
			matrix.ErrMalformed, reader.Header().Shape, want, size)
	}
	u := o.upload(reader.Header().Shape, reader.Header().Fortran, store.FromUpload)
	if _, err := io.CopyBuffer(onlyWriter{u}, reader, make([]byte, copyBuffer)); err != nil {
		return jobs.Operand{}, err
	}
	return o.finish(u)
}

// onlyWriter hides every method but Write, so that io.CopyBuffer uses the buffer that it is given.
type onlyWriter struct{ io.Writer }

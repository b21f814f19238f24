package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/blocks/s3"
)

const (
	// headBytes is how many bytes of an object are read to find its header: no header has more.
	headBytes = 64<<10 + 64
	// clientTimeout bounds how long a client waits for a store.
	clientTimeout = 15 * time.Second
)

// Open reads the header of an object for a tenant, and returns it as an operand of a shape. The matrix may have at most
// maxBytes; 0 or less means no limit. Errors: ErrName, ErrNotAllowed, ErrMissing, ErrRefused, ErrUnavailable, and those
// of npy.NewReader.
func (r *Room) Open(
	ctx context.Context, t identity.TenantID, ref Ref, maxBytes int64,
) (o Operand, s matrix.Shape, err error) {
	bucket, err := r.bucket(ctx, t, ref, read)
	if err != nil {
		return o, s, err
	}
	asking, cancel := context.WithTimeout(s3.Hasty(ctx), clientTimeout)
	defer cancel()
	var head []byte
	var info s3.Info
	version := s3.Version{ID: ref.Version}
	err = bucket.GetVersion(asking, ref.Key, version, 0, headBytes, func(body io.Reader, i s3.Info) (err error) {
		info = i
		head, err = io.ReadAll(body)
		return err
	})
	if err != nil && !errors.Is(err, s3.ErrRange) { // an empty object is no .npy file
		return o, s, named(ctx, ref, err)
	}
	file, err := npy.NewReader(bytes.NewReader(head), maxBytes)
	if err != nil {
		return o, s, fmt.Errorf("%s: %w", ref, err)
	}
	header := file.Header()
	if want := header.FileBytes(); info.Size != want {
		return o, s, fmt.Errorf("%s: %w: a .npy file of %s has %d bytes, the object has %d",
			ref, matrix.ErrMalformed, header.Shape, want, info.Size)
	}
	if info.ETag == "" {
		return o, s, fmt.Errorf("%s: %w: it has no ETag", ref, ErrRefused)
	}
	layout := header.Layout()
	return Operand{
		Ref:     ref,
		ETag:    info.ETag,
		Descr:   layout.Descr,
		Fortran: layout.Fortran,
		Offset:  layout.Offset,
	}, header.Shape, nil
}

package objects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/blocks/s3"
)

const (
	// partBytes is the size of the parts in which an object is written, and maxParts how many there may be: larger objects
	// have larger parts.
	partBytes = 16 << 20
	maxParts  = 9000
	// uploads is how many parts are on their way at a time.
	uploads = 3
	// abortTimeout bounds how long an upload is aborted that failed: what is left of it is aborted later.
	abortTimeout = 10 * time.Second
)

// Check finds out whether a tenant may write an object, by the settings and by the store. Errors: ErrName,
// ErrNotAllowed, ErrMissing for a bucket, ErrRefused, ErrUnavailable.
func (r *Room) Check(ctx context.Context, t identity.TenantID, ref Ref) error {
	if ref.Version != "" {
		return fmt.Errorf("%w: what is written gets a version, and has none", ErrName)
	}
	bucket, err := r.bucket(ctx, t, ref, write)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(s3.Hasty(ctx), clientTimeout)
	defer cancel()
	upload, err := bucket.Begin(asking, ref.Key)
	if err == nil {
		err = bucket.Abort(asking, ref.Key, upload)
	}
	return named(ctx, ref, err)
}

// Journal keeps the uploads that are under way, so that those are aborted later that were given up, or whose process
// has died.
type Journal interface {
	Begun(ctx context.Context, upload string) error
	Ended(ctx context.Context, upload string) error
}

// Write writes a matrix to an object for a tenant, as a .npy file that is visible when it is complete. The rows of
// blocks of the matrix are align high. What cannot be written is aborted, and stays in the journal: stores may accept
// parts that were on their way, and keep them, until the upload is aborted once more. Errors: ErrNotAllowed,
// ErrMissing for a bucket, ErrRefused, ErrUnavailable, and those of the source and of the journal.
func (r *Room) Write(
	ctx context.Context, t identity.TenantID, o Output, src matrix.Source, align int64, journal Journal,
) (Output, error) {
	bucket, err := r.bucket(ctx, t, o.Ref, write)
	if err != nil {
		return o, err
	}
	key := o.Key
	upload, err := bucket.Begin(ctx, key)
	if err != nil {
		return o, named(ctx, o.Ref, err)
	}
	err = journal.Begun(ctx, upload)
	var info s3.Info
	if err == nil {
		info, err = put(ctx, bucket, o.Ref, upload, src, align)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if err != nil {
		if e := bucket.Abort(ctx, key, upload); e != nil {
			return o, fmt.Errorf("%w (and what was uploaded of it could not be deleted yet)", err)
		}
		return o, err
	}
	o.ETag, o.Version = info.ETag, info.Version
	return o, journal.Ended(ctx, upload)
}

// Abort aborts an upload for a tenant. One that is not there is no error.
func (r *Room) Abort(ctx context.Context, t identity.TenantID, ref Ref, upload string) error {
	bucket, err := r.bucket(ctx, t, ref, write)
	if err != nil {
		return err
	}
	return named(ctx, ref, bucket.Abort(ctx, ref.Key, upload))
}

// put uploads the parts of a file: they are read one after the other, while those before are on their way.
func put(
	ctx context.Context, bucket *s3.Bucket, ref Ref, upload string, src matrix.Source, align int64,
) (s3.Info, error) {
	file := npy.NewFile(ctx, src, align)
	defer func() { _ = file.Close() }()
	size := min(file.Size(), max(partBytes, file.Size()/maxParts+1))
	n := (file.Size()-1)/size + 1
	parts := make([]s3.Part, n)
	free := make(chan []byte, uploads)
	for range min(n, uploads) {
		free <- nil
	}
	group, putting := errgroup.WithContext(ctx)
	for i := range n {
		var buffer []byte
		select {
		case buffer = <-free:
		case <-putting.Done():
			return s3.Info{}, cmp.Or(group.Wait(), context.Cause(ctx))
		}
		if buffer == nil {
			buffer = make([]byte, size)
		}
		data := buffer[:min(size, file.Size()-i*size)]
		if _, err := io.ReadFull(file, data); err != nil {
			return s3.Info{}, errors.Join(group.Wait(), fmt.Errorf("reading the result: %w", err))
		}
		group.Go(func() (err error) {
			parts[i], err = bucket.PutPart(putting, ref.Key, upload, int(i)+1, data)
			free <- buffer
			return named(putting, ref, err)
		})
	}
	if err := group.Wait(); err != nil {
		return s3.Info{}, err
	}
	info, err := bucket.Complete(ctx, ref.Key, upload, slices.Clip(parts))
	return info, named(ctx, ref, err)
}

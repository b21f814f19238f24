package s3

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Get calls f with the bytes of an object from one offset to before another one, or to its end if it is shorter, and
// with the object's size. It calls f again when the bytes end too soon, or f has another error that a try may mend.
// Errors: ErrMissing, ErrRange if there are no such bytes, ErrUnavailable; those of f that are Final.
func (b *Bucket) Get(ctx context.Context, key string, from, to int64, f func(body io.Reader, size int64) error) error {
	return b.GetVersion(ctx, key, Version{}, from, to, func(body io.Reader, info Info) error { return f(body, info.Size) })
}

// final is an error that another try does not mend.
type final struct{ error }

// Unwrap returns the error.
func (f final) Unwrap() error { return f.error }

// Final marks an error of a function that Get calls: it does not try again.
func Final(err error) error { return final{err} }

// isFinal reports whether an error was marked by Final.
func isFinal(err error) bool {
	var f final
	return errors.As(err, &f)
}

// listPage is how many keys are read at once: the most that stores give.
const listPage = 1000

// List calls f with the keys that begin with prefix, some at a time, in their order. If it is shallow, a key ends with
// the first slash after the prefix, and stands for all that begin with it. It ends with the first error of f.
func (b *Bucket) List(ctx context.Context, prefix string, shallow bool, f func(keys []string) error) error {
	after := ""
	for {
		var keys []string
		err := retry(ctx, func(ctx context.Context) (err error) {
			keys, err = b.listPage(ctx, prefix, shallow, after)
			return err
		})
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			if err := f(keys); err != nil {
				return err
			}
		}
		if len(keys) < b.page {
			return nil
		}
		after = keys[len(keys)-1]
		if folder, isFolder := strings.CutSuffix(after, "/"); isFolder && shallow {
			after = folder + "0" // follows the slash, and so all that begins with it
		}
	}
}

// listPage returns the keys that follow another one, at most a page of them.
func (b *Bucket) listPage(ctx context.Context, prefix string, shallow bool, after string) ([]string, error) {
	var withoutOwner bool
	options := minio.ListObjectsOptions{
		Prefix:     b.key(prefix),
		Recursive:  !shallow,
		MaxKeys:    b.page,
		FetchOwner: &withoutOwner,
	}
	if after != "" {
		options.StartAfter = b.key(after)
	}
	keys := make([]string, 0, b.page)
	for object := range b.client.ListObjectsIter(ctx, b.address.Bucket, options) {
		if object.Err != nil {
			return nil, object.Err
		}
		keys = append(keys, strings.TrimPrefix(object.Key, b.address.Prefix))
		if len(keys) == b.page {
			break
		}
	}
	return keys, ctx.Err()
}

package blocks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/store/blocks/s3"
)

// eachKey calls f with the keys of a matrix whose ends are indexes from first to last, some at a time.
func (s *S3) eachKey(
	ctx context.Context, matrix uuid.UUID, first, last int64, f func(keys []string) error,
) error {
	return s.bucket.List(ctx, folder(matrix), false, func(keys []string) error {
		found := make([]string, 0, len(keys))
		for _, key := range keys {
			index, err := strconv.ParseInt(strings.TrimPrefix(key, folder(matrix)), 10, 64)
			if err == nil && index >= first && index <= last {
				found = append(found, key)
			}
		}
		return f(found)
	})
}

// Count implements Store.
func (s *S3) Count(ctx context.Context, matrix uuid.UUID) (n int64, err error) {
	err = s.eachKey(ctx, matrix, 0, maxIndex, func(keys []string) error {
		n += int64(len(keys))
		return nil
	})
	return n, named(err, "counting the blocks of matrix %s", matrix)
}

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, matrix uuid.UUID) error {
	err := s.bucket.List(ctx, folder(matrix), false, func(keys []string) error { return s.bucket.Delete(ctx, keys) })
	return named(err, "deleting the blocks of matrix %s", matrix)
}

// maxIndex is beyond the index of any block.
const maxIndex = 1<<63 - 1

// DeleteRange implements Store. It lists the blocks: ranges are long and few of their blocks are there.
func (s *S3) DeleteRange(ctx context.Context, matrix uuid.UUID, first, last int64) error {
	err := s.eachKey(ctx, matrix, first, last, func(keys []string) error { return s.bucket.Delete(ctx, keys) })
	return named(err, "deleting blocks of matrix %s", matrix)
}

// Discard implements Store: the bucket makes copies in the trash, trash/<matrix>.<time in seconds>/<index>.
func (s *S3) Discard(ctx context.Context, matrix uuid.UUID) error {
	to := fmt.Sprintf("%s/%s.%d/", trashName, matrix, time.Now().Unix())
	err := s.bucket.List(ctx, folder(matrix), false, func(keys []string) error {
		group, copying := errgroup.WithContext(ctx)
		group.SetLimit(readers)
		for _, key := range keys {
			group.Go(func() error {
				err := s.bucket.Copy(copying, key, to+strings.TrimPrefix(key, folder(matrix)))
				if errors.Is(err, s3.ErrMissing) { // another process has deleted it
					err = nil
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		return s.bucket.Delete(ctx, keys)
	})
	return named(err, "moving the blocks of matrix %s to the trash", matrix)
}

// EmptyTrash implements Store.
func (s *S3) EmptyTrash(ctx context.Context) error {
	before := time.Now().Add(-trashAge)
	err := s.bucket.List(ctx, trashName+"/", true, func(folders []string) error {
		for _, name := range folders {
			_, seconds, _ := strings.Cut(strings.TrimSuffix(name, "/"), ".")
			at, err := strconv.ParseInt(seconds, 10, 64)
			if err != nil || time.Unix(at, 0).After(before) {
				continue
			}
			err = s.bucket.List(ctx, name, false, func(keys []string) error { return s.bucket.Delete(ctx, keys) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	return named(err, "emptying the trash of the block store")
}

// Owners implements Store.
func (s *S3) Owners(ctx context.Context, f func([]uuid.UUID) error) error {
	err := s.bucket.List(ctx, "", true, func(keys []string) error {
		owners := make([]uuid.UUID, 0, len(keys))
		for _, key := range keys {
			name, isFolder := strings.CutSuffix(key, "/")
			if id, err := uuid.Parse(name); isFolder && err == nil && id.String() == name {
				owners = append(owners, id)
			}
		}
		for len(owners) > 0 {
			page := owners[:min(ownersPage, len(owners))]
			if err := f(page); err != nil {
				return err
			}
			owners = owners[len(page):]
		}
		return nil
	})
	return named(err, "listing the matrices that have blocks")
}

// Space implements Store: a bucket does not tell how much room there is.
func (*S3) Space() Space { return Space{} }

// identityTimeout bounds what has no other bound.
const identityTimeout = time.Minute

// Identity returns the identity of the installation to which the prefix of the bucket belongs, uuid.Nil if it bears
// none.
func (s *S3) Identity() (id uuid.UUID, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), identityTimeout)
	defer cancel()
	err = s.bucket.Get(ctx, identityName, 0, 100, func(body io.Reader, _ int64) error {
		text, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		if id, err = uuid.Parse(strings.TrimSpace(string(text))); err != nil {
			return s3.Final(err)
		}
		return nil
	})
	if errors.Is(err, s3.ErrMissing) {
		return uuid.Nil, nil
	}
	return id, named(err, "reading the identity of the block store in %s", s.bucket)
}

// SetIdentity makes the prefix of the bucket belong to an installation.
func (s *S3) SetIdentity(id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.Background(), identityTimeout)
	defer cancel()
	err := s.bucket.Put(ctx, identityName, []byte(id.String()+"\n"))
	return named(err, "writing the identity of the block store in %s", s.bucket)
}

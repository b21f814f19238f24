package blocks_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/blocks/s3"
)

// openBucket returns a part of a bucket for one test, in which there is nothing else.
func openBucket(t testing.TB) *s3.Bucket {
	t.Helper()
	return bucketAt(t, s3server.Address(t))
}

// bucketAt returns the bucket of an address.
func bucketAt(t testing.TB, text string) *s3.Bucket {
	t.Helper()
	address, err := s3.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := s3.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bucket.Close)
	return bucket
}

func openS3(t *testing.T) (blocks.Store, disk) {
	bucket := openBucket(t)
	return blocks.NewS3(bucket), bucketDisk{bucket}
}

type bucketDisk struct{ bucket *s3.Bucket }

func (bucketDisk) key(b blocks.Block) string { return fmt.Sprintf("%s/%d", b.Matrix, b.Index) }

func (d bucketDisk) get(t *testing.T, b blocks.Block) (stored []byte) {
	err := d.bucket.Get(t.Context(), d.key(b), 0, 1<<30, func(body io.Reader, _ int64) (err error) {
		stored, err = io.ReadAll(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func (d bucketDisk) set(t *testing.T, b blocks.Block, stored []byte) {
	if err := d.bucket.Put(t.Context(), d.key(b), stored); err != nil {
		t.Fatal(err)
	}
}

// before reads a part of a block as versions did that knew no checksums of one in a file.
func (d bucketDisk) before(b blocks.Block, offset int64, dst []byte) error {
	end := offset + int64(len(dst))
	return d.bucket.Get(context.Background(), d.key(b), offset, end, func(body io.Reader, _ int64) error {
		_, err := io.ReadFull(body, dst)
		return err
	})
}

// TestIdentityOfS3: a bucket bears the identity that it was given last.
func TestIdentityOfS3(t *testing.T) {
	t.Parallel()
	s := blocks.NewS3(openBucket(t))
	if got, err := s.Identity(); got != uuid.Nil || err != nil {
		t.Errorf("Identity() of a new bucket = %s, %v", got, err)
	}
	for range 2 {
		want := uuid.New()
		if err := s.SetIdentity(want); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Identity(); got != want || err != nil {
			t.Errorf("Identity() = %s, %v, want %s", got, err, want)
		}
	}
	if owners, err := blocks.AllOwners(t.Context(), s); len(owners) != 0 || err != nil {
		t.Errorf("owners of a bucket with an identity = %v, %v", owners, err)
	}
}

// TestTrashOfS3: what was discarded stays in the trash for a day.
func TestTrashOfS3(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	bucket := openBucket(t)
	s := blocks.NewS3(bucket)
	id := uuid.New()
	data := []byte("data")
	if err := s.Put(ctx, id, 3, data); err != nil {
		t.Fatal(err)
	}
	old := fmt.Sprintf("trash/%s.%d/0", uuid.New(), time.Now().Add(-25*time.Hour).Unix())
	for _, key := range []string{old, "trash/other/0"} {
		if err := bucket.Put(ctx, key, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Discard(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := s.EmptyTrash(ctx); err != nil {
		t.Fatal(err)
	}
	var left []string
	err := bucket.List(ctx, "", false, func(keys []string) error {
		left = append(left, keys...)
		return nil
	})
	if err != nil || len(left) != 2 || !strings.HasPrefix(left[0], "trash/"+id.String()) || left[1] != "trash/other/0" {
		t.Errorf("left are %v, %v, want what was just discarded, and what is not ours", left, err)
	}
}

package s3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/minio/minio-go/v7"
)

// castagnoli is the polynomial of CRC-32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PutNew stores an object, the concatenation of parts, unless there is one with its key. It is visible when it is
// whole and the store has verified its checksum. Of two writers the first one wins; with a store that has no
// conditional writes, the last one.
func (b *Bucket) PutNew(ctx context.Context, key string, parts ...[]byte) error {
	if !b.unconditional.Load() {
		err := b.put(ctx, key, parts, true)
		switch {
		case errors.Is(err, errExists):
			return nil
		case !errors.Is(err, errUnsupported):
			return err
		}
		b.unconditional.Store(true)
	}
	return b.put(ctx, key, parts, false)
}

// Put stores an object, and replaces one with its key.
func (b *Bucket) Put(ctx context.Context, key string, data []byte) error {
	return b.put(ctx, key, [][]byte{data}, false)
}

// put stores an object with one request.
func (b *Bucket) put(ctx context.Context, key string, parts [][]byte, isNew bool) error {
	body := &concatenation{parts: parts}
	crc := uint32(0)
	for _, part := range parts {
		body.size += int64(len(part))
		crc = crc32.Update(crc, castagnoli, part)
	}
	options := minio.PutObjectOptions{
		ServerSideEncryption: b.sse,
		DisableContentSha256: true, // a checksum is enough: what could change the body could change the checksum
		UserMetadata: map[string]string{
			"x-amz-checksum-crc32c": base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc)),
		},
	}
	if isNew {
		options.SetMatchETagExcept("*")
	}
	return retry(ctx, func(ctx context.Context) error {
		_, err := b.client.PutObject(ctx, b.address.Bucket, b.key(key), body.reader(), body.size, "", "", options)
		return err
	})
}

// Copy stores a copy of an object, which the store makes.
func (b *Bucket) Copy(ctx context.Context, from, to string) error {
	return retry(ctx, func(ctx context.Context) error {
		_, err := b.client.Client.CopyObject(ctx,
			minio.CopyDestOptions{
				Bucket:     b.address.Bucket,
				Object:     b.key(to),
				Encryption: b.sse,
			},
			minio.CopySrcOptions{Bucket: b.address.Bucket, Object: b.key(from)})
		return err
	})
}

// deletePage is how many objects one request deletes: the most that stores take.
const deletePage = 1000

// Delete deletes objects. Those that are not there are no error.
func (b *Bucket) Delete(ctx context.Context, keys []string) error {
	for len(keys) > 0 {
		page := keys[:min(deletePage, len(keys))]
		err := retry(ctx, func(ctx context.Context) error { return b.deletePage(ctx, page) })
		if errors.Is(err, errUnsupported) {
			err = b.deleteEach(ctx, page)
		}
		if err != nil {
			return err
		}
		keys = keys[len(page):]
	}
	return nil
}

func (b *Bucket) deletePage(ctx context.Context, keys []string) error {
	objects := func(yield func(minio.ObjectInfo) bool) {
		for _, key := range keys {
			if !yield(minio.ObjectInfo{Key: b.key(key)}) {
				return
			}
		}
	}
	results, err := b.client.RemoveObjectsWithIter(ctx, b.address.Bucket, objects, minio.RemoveObjectsOptions{})
	if err != nil {
		return err
	}
	deleted := 0
	for result := range results {
		if result.Err != nil {
			return result.Err
		}
		deleted++
	}
	if deleted == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// deleteEach deletes objects of a store that does not delete several at once.
func (b *Bucket) deleteEach(ctx context.Context, keys []string) error {
	for _, key := range keys {
		err := retry(ctx, func(ctx context.Context) error {
			return b.client.RemoveObject(ctx, b.address.Bucket, b.key(key), minio.RemoveObjectOptions{})
		})
		if err != nil && !errors.Is(err, ErrMissing) {
			return err
		}
	}
	return nil
}

// concatenation is a body in several pieces.
type concatenation struct {
	parts [][]byte
	size  int64
}

// reader returns a reader of the body for one request. It can be rewound, as the library wants of what it may send
// again.
func (c *concatenation) reader() io.ReadSeeker {
	return &concatenationReader{concatenation: c}
}

type concatenationReader struct {
	*concatenation
	part, at int
}

// Read implements io.Reader.
func (r *concatenationReader) Read(p []byte) (int, error) {
	for r.part < len(r.parts) {
		if n := copy(p, r.parts[r.part][r.at:]); n > 0 || len(p) == 0 {
			r.at += n
			return n, nil
		}
		r.part++
		r.at = 0
	}
	return 0, io.EOF
}

// Seek implements io.Seeker, to the beginning only.
func (r *concatenationReader) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, fmt.Errorf("seeking to %d, %d: %w", offset, whence, errors.ErrUnsupported)
	}
	r.part, r.at = 0, 0
	return 0, nil
}

package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // the checksum that each store verifies
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Version says which version of an object is meant. The zero value is the newest, whatever it is.
type Version struct {
	ID   string // of a bucket that keeps versions
	ETag string // that the object must have
}

// Info is what a store says of an object.
type Info struct {
	Size    int64
	ETag    string
	Version string // its id; empty in a bucket without versions
}

// GetVersion is Get for a version of an object. Errors are also ErrChanged.
func (b *Bucket) GetVersion(
	ctx context.Context, key string, v Version, from, to int64, f func(body io.Reader, info Info) error,
) error {
	err := retryLarge(ctx, to-from, func(ctx context.Context) error {
		options := minio.GetObjectOptions{VersionID: v.ID}
		options.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
		if v.ETag != "" {
			options.Set("If-Match", `"`+v.ETag+`"`)
		}
		body, object, header, err := b.client.GetObject(ctx, b.address.Bucket, b.key(key), options)
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }()
		if v.ETag != "" && object.ETag != v.ETag { // a store may not know the condition
			return errExists
		}
		size := object.Size
		if text := header.Get("Content-Range"); text != "" {
			_, total, _ := strings.Cut(text, "/")
			if size, err = strconv.ParseInt(total, 10, 64); err != nil {
				return fmt.Errorf("response with Content-Range %q", text)
			}
		} else if size <= from { // of an empty object there is no part
			return ErrRange
		} else if from > 0 {
			return fmt.Errorf("ranges: %w", errUnsupported)
		}
		return f(body, Info{
			Size:    size,
			ETag:    object.ETag,
			Version: object.VersionID,
		})
	})
	if errors.Is(err, errExists) {
		return ErrChanged
	}
	return err
}

// Part is a part of an object that is being uploaded.
type Part struct {
	Number int // from 1 on
	ETag   string
}

// Begin begins to upload an object in parts, and returns the id of the upload. The object is visible when it is
// completed.
func (b *Bucket) Begin(ctx context.Context, key string) (upload string, err error) {
	err = retry(ctx, func(ctx context.Context) (err error) {
		upload, err = b.client.NewMultipartUpload(ctx, b.address.Bucket, b.key(key), minio.PutObjectOptions{
			ServerSideEncryption: b.sse,
			ContentType:          "application/octet-stream",
		})
		return err
	})
	return upload, err
}

// PutPart uploads a part. The store verifies its checksum.
func (b *Bucket) PutPart(ctx context.Context, key, upload string, number int, data []byte) (Part, error) {
	sum := md5.Sum(data) //nolint:gosec // as above
	body := &concatenation{parts: [][]byte{data}, size: int64(len(data))}
	options := minio.PutObjectPartOptions{
		Md5Base64:            base64.StdEncoding.EncodeToString(sum[:]),
		DisableContentSha256: true,
	}
	part := Part{Number: number}
	bucket := b.address.Bucket
	whole := b.key(key)
	err := retryLarge(ctx, body.size, func(ctx context.Context) error {
		put, err := b.client.PutObjectPart(ctx, bucket, whole, upload, number, body.reader(), body.size, options)
		part.ETag = put.ETag
		return err
	})
	return part, err
}

// completeBytes says how long the store may take to put the parts of an object together: some minutes.
const completeBytes = 300 * slowest

// Complete makes an object of all its parts, which are in the order of their numbers.
func (b *Bucket) Complete(ctx context.Context, key, upload string, parts []Part) (Info, error) {
	all := make([]minio.CompletePart, len(parts))
	for i, p := range parts {
		all[i] = minio.CompletePart{PartNumber: p.Number, ETag: p.ETag}
	}
	var info Info
	bucket := b.address.Bucket
	whole := b.key(key)
	err := retryLarge(ctx, completeBytes, func(ctx context.Context) error {
		made, err := b.client.CompleteMultipartUpload(ctx, bucket, whole, upload, all, minio.PutObjectOptions{})
		info.ETag, info.Version = made.ETag, made.VersionID
		return err
	})
	return info, err
}

// Abort deletes the parts of an upload that is not to be completed. One that is not there is no error.
func (b *Bucket) Abort(ctx context.Context, key, upload string) error {
	return retry(ctx, func(ctx context.Context) error {
		err := b.client.AbortMultipartUpload(ctx, b.address.Bucket, b.key(key), upload)
		var response minio.ErrorResponse
		if errors.As(err, &response) && (response.Code == minio.NoSuchUpload || response.StatusCode == http.StatusNotFound) {
			return nil
		}
		return err
	})
}

package s3server

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Raw returns a client of the server that nothing is in front of.
func Raw(t testing.TB) *minio.Core {
	t.Helper()
	raw, err := minio.NewCore(Start(t), &minio.Options{
		Creds:  credentials.NewStaticV4(AccessKey, SecretKey, ""),
		Region: "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Put stores an object.
func Put(t testing.TB, raw *minio.Core, key string, content []byte) {
	t.Helper()
	_, err := raw.PutObject(t.Context(), Bucket, key, bytes.NewReader(content), int64(len(content)), "", "",
		minio.PutObjectOptions{DisableContentSha256: true})
	if err != nil {
		t.Fatal(err)
	}
}

// Get returns an object, nil if there is none, and its ETag.
func Get(t testing.TB, raw *minio.Core, key string) (content []byte, etag string) {
	t.Helper()
	body, info, _, err := raw.GetObject(t.Context(), Bucket, key, minio.GetObjectOptions{})
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, ""
	}
	if err == nil {
		content, err = io.ReadAll(body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return content, info.ETag
}

// Uploads returns how many uploads in parts are under way of objects whose keys begin with a prefix.
func Uploads(t testing.TB, raw *minio.Core, prefix string) int {
	t.Helper()
	//house:ignore bound the test has its own deadline
	list, err := raw.ListMultipartUploads(context.WithoutCancel(t.Context()), Bucket, prefix, "", "", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Uploads)
}

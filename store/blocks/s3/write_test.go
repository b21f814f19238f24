package s3

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// TestEncryption: each write asks the store for the encryption that the address names.
func TestEncryption(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	requests := make(chan *http.Request, 1)
	store := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { requests <- r }))
	defer store.Close()
	for sse, want := range map[string][2]string{
		"": {}, "&sse=s3": {"AES256"}, "&sse=kms": {"aws:kms"}, "&sse=kms:a-key": {"aws:kms", "a-key"},
	} {
		address, err := ParseAddress("s3://bucket/p?endpoint=" + url.QueryEscape(store.URL) + sse)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Open(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.PutNew(t.Context(), "k", []byte("a"), []byte("b")); err != nil {
			t.Fatal(err)
		}
		r := <-requests
		got := [2]string{
			r.Header.Get("X-Amz-Server-Side-Encryption"),
			r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"),
		}
		if got != want || r.URL.Path != "/bucket/p/k" || r.Header.Get("X-Amz-Checksum-Crc32c") == "" {
			t.Errorf("%q: PUT %s with %v, want encryption by %q, and a checksum", sse, r.URL.Path, r.Header, want)
		}
		b.Close()
	}
}

package objects

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/identity"
)

// roomOf returns what settings allow for the tenants 1, acme, and 2, umbrella.
func roomOf(t *testing.T, settings ...string) *Room {
	t.Helper()
	r, err := Open(settings, "postgres", func(_ context.Context, id identity.TenantID) (string, error) {
		return map[identity.TenantID]string{1: "acme", 2: "umbrella"}[id], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAllowed: what is not allowed for a tenant, a prefix and a mode cannot be reached, however its key is written.
func TestAllowed(t *testing.T) {
	t.Parallel()
	r := roomOf(t, "open=read", "acme:shared/in=read", "acme:s3://shared/out?endpoint=http://127.0.0.1:1&region=x=write",
		"each/{tenant}/data=read,write", "umbrella:odd/100%25=read")
	for _, c := range []struct {
		tenant      identity.TenantID
		to          mode
		bucket, key string
		want        error
	}{
		{1, read, "open", "any/key of all ü?&%2e%2e#+.npy", nil},
		{2, read, "open", "x", nil},
		{1, write, "open", "x", ErrNotAllowed},
		{3, read, "open", "x", ErrNotAllowed}, // no such tenant
		{1, read, "shared", "in/x", nil},
		{2, read, "shared", "in/x", ErrNotAllowed},
		{1, write, "shared", "in/x", ErrNotAllowed},
		{1, read, "shared", "inside/x", ErrNotAllowed},
		{1, read, "shared", "in", ErrNotAllowed},
		{1, read, "shared", "in/", ErrName},
		{1, read, "shared", "in/../out/x", ErrName},
		{1, read, "shared", "in/./x", ErrName},
		{1, read, "shared", "in//x", ErrName},
		{1, read, "shared", "/in/x", ErrName},
		{1, read, "shared", "in/%2e%2e/out/x", nil}, // a key as any other: nothing decodes it
		{1, read, "shared", "in\x00/x", ErrName},
		{1, read, "shared", "in/\xff", ErrName},
		{1, read, "shared", "in/" + strings.Repeat("x", 1022), ErrName},
		{1, read, "shared", "", ErrName},
		{1, read, "", "in/x", ErrName},
		{1, read, "shared/in", "x", ErrNotAllowed},
		{1, write, "shared", "out/x", nil},
		{1, read, "shared", "out/x", ErrNotAllowed},
		{1, write, "each", "acme/data/x", nil},
		{1, read, "each", "umbrella/data/x", ErrNotAllowed},
		{2, read, "each", "umbrella/data/x", nil},
		{1, read, "each", "{tenant}/data/x", ErrNotAllowed},
		{2, read, "odd", "100%/x", nil},
		{1, read, "another", "x", ErrNotAllowed},
	} {
		if _, err := r.bucket(t.Context(), c.tenant, Ref{Bucket: c.bucket, Key: c.key}, c.to); !errors.Is(err, c.want) {
			t.Errorf("tenant %d may %s %q in %q: %v, want %v", c.tenant, c.to, c.key, c.bucket, err, c.want)
		}
	}
	for _, none := range []*Room{nil, roomOf(t)} {
		if _, err := none.bucket(t.Context(), 1, Ref{Bucket: "b", Key: "k"}, read); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("without settings: error %v, want ErrNotAllowed", err)
		}
	}
}

// TestSettings: a setting that says nothing, too much or a secret is refused, and the secret is not repeated.
func TestSettings(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"", "bucket", "bucket=", "bucket=all", "bucket=read|write", "=read", "/prefix=read", "bucket/../x=read",
		"bucket/a//b=read", "No Tenant:bucket=read", "s3://key:s3cr3t@bucket=read", "bucket?token=s3cr3t=read",
		"s3://blocks/here/below?endpoint=http://127.0.0.1:1=read", "s3://blocks?endpoint=http://127.0.0.1:1=write",
		"s3://blocks/{tenant}?endpoint=http://127.0.0.1:1=read",
	} {
		_, err := Open([]string{setting}, "s3://blocks/here?endpoint=http://127.0.0.1:1", nil)
		if err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: error %v, want one without secrets", setting, err)
		}
	}
	for _, setting := range []string{"s3://blocks/there?endpoint=http://127.0.0.1:1=read", "blocks=read"} {
		if _, err := Open([]string{setting}, "s3://blocks/here?endpoint=http://127.0.0.1:1", nil); err != nil {
			t.Errorf("%q: error %v, want none", setting, err)
		}
	}
}

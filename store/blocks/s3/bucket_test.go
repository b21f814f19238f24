package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/millrace/millrace/internal/s3server"
)

// open returns a part of a bucket in which there is nothing else.
func open(t *testing.T) *Bucket {
	t.Helper()
	address, err := ParseAddress(s3server.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// TestPages: a list of several pages has each key once, and so has one of folders of several pages each.
func TestPages(t *testing.T) {
	b := open(t)
	b.page = 3
	var all, folders []string
	for _, folder := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		folders = append(folders, folder+"/")
		for index := range 4 {
			key := fmt.Sprintf("%s/%d", folder, index)
			all = append(all, key)
			if err := b.Put(t.Context(), key, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, list := range []struct {
		prefix  string
		shallow bool
		want    []string
	}{{"", false, all}, {"", true, folders}, {"b/", false, all[4:8]}, {"b/", true, all[4:8]}, {"x", false, nil}} {
		var got []string
		err := b.List(t.Context(), list.prefix, list.shallow, func(keys []string) error {
			if len(keys) > b.page {
				t.Errorf("a page of %d keys", len(keys))
			}
			got = append(got, keys...)
			return nil
		})
		if err != nil || !slices.Equal(got, list.want) {
			t.Errorf("List(%q, %t) = %v, %v, want %v", list.prefix, list.shallow, got, err, list.want)
		}
	}
	if err := b.Delete(t.Context(), append(all, "missing")); err != nil {
		t.Errorf("Delete() = %v", err)
	}
	err := b.List(t.Context(), "", false, func(keys []string) error { return fmt.Errorf("left: %v", keys) })
	if err != nil {
		t.Error(err)
	}
}

// TestRetries: what passes is tried again with pauses until it has failed often, what does not pass is not, and a try
// that takes too long is ended.
func TestRetries(t *testing.T) {
	slow := minio.ErrorResponse{StatusCode: http.StatusServiceUnavailable, Code: "SlowDown"}
	denied := minio.ErrorResponse{StatusCode: http.StatusForbidden, Code: minio.AccessDenied}
	for name, test := range map[string]struct {
		f     func(ctx context.Context) error
		tries int
		want  error
	}{
		"slow down": {func(context.Context) error { return slow }, tries, ErrUnavailable},
		"cut":       {func(context.Context) error { return errors.New("reset") }, tries, ErrUnavailable},
		"denied":    {func(context.Context) error { return denied }, 1, nil},
		"final":     {func(context.Context) error { return Final(os.ErrInvalid) }, 1, os.ErrInvalid},
		"silent": {func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, tries, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				start := time.Now()
				err := retry(t.Context(), func(ctx context.Context) error {
					n++
					return test.f(ctx)
				})
				if err == nil || n != test.tries || test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("after %d tries: %v, want %v after %d", n, err, test.want, test.tries)
				}
				if took := time.Since(start); took > tries*(tryTimeout+lastPause) {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestCredentials: they come from the environment, then from files, and without any there is an error that says what
// was tried, not a request without credentials.
func TestCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	files := t.TempDir()
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(files, "credentials"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(files, "config"))
	t.Setenv("AWS_ACCESS_KEY_ID", "fromEnvironment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	check := func(want string) {
		t.Helper()
		value, err := credentials.New(newChain()).GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
		if err != nil || value.AccessKeyID != want {
			t.Errorf("credentials %q, %v, want %q", value.AccessKeyID, err, want)
		}
	}
	check("fromEnvironment")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	text := "[default]\naws_access_key_id = fromFile\naws_secret_access_key = secret\n"
	if err := os.WriteFile(filepath.Join(files, "credentials"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	check("fromFile")
	if err := os.Remove(filepath.Join(files, "credentials")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", filepath.Join(files, "token")) // which is not there
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x")
	_, err := credentials.New(newChain()).GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
	if !errors.Is(err, ErrCredentials) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without credentials: %v, want %v and why", err, ErrCredentials)
	}
	if _, again := explain(err); again {
		t.Error("the lack of credentials is taken to pass")
	}
}

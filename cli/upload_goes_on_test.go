package cli_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// TestUploadOutlivesAPI: an upload whose API is killed goes on at another one behind what has come before.
func TestUploadOutlivesAPI(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	first := d.startAPI()
	killed := d.server
	second := d.startAPI()
	file := writeMatrix(t, 2048, 2048, matrix.Float64, false)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const cut = 28 << 20 // the second place to go on is at 32 MiB
	p := startProxy(t, killed, func(p *proxy) {
		until(t, "a place to go on is saved", func() bool {
			var saved bool
			err := d.pool.QueryRow(t.Context(), "SELECT bool_or(received > 0) FROM uploads").Scan(&saved)
			return err == nil && saved
		})
		first.signal(syscall.SIGKILL)
		_ = first.wait()
		d.exec("UPDATE uploads SET held_until = now()") // as after half a minute
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.target = strings.TrimPrefix(d.server, "http://")
	})
	p.cut(cut)
	stdout, stderr, code := run(t, []string{"MILLRACE_SERVER=" + p.url()}, "upload", file)
	if code != 0 {
		t.Fatalf("upload: code %d, %s, want 0", code, stderr)
	}
	m, err := d.api.Matrix(t.Context(), strings.TrimSpace(stdout))
	if want := fmt.Sprintf("sha-256:%x", sha256.Sum256(content)); err != nil || m.Digest == nil || *m.Digest != want {
		t.Errorf("got %+v, %v, want the digest %s", m, err, want)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if sent := p.requests.Len(); sent < len(content) || sent > cut+len(content)-(14<<20) {
		t.Errorf("%d bytes were sent of a file of %d that was cut after %d, want what was lost twice", sent, len(content), cut)
	}
	second.exit(syscall.SIGTERM)
}

// testBrokenUpload: an upload whose connection breaks goes on.
func (b *clientBundle) testBrokenUpload(t *testing.T) {
	file := writeMatrix(t, 1024, 1024, matrix.Float64, false)
	p := startProxy(t, b.server(), nil)
	p.cut(5 << 20)
	id, stderr := b.ok(t, "upload", file, "--server="+p.url())
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.api.Matrix(t.Context(), strings.TrimSpace(id))
	if want := fmt.Sprintf("sha-256:%x", sha256.Sum256(content)); err != nil || m.Digest == nil || *m.Digest != want {
		t.Errorf("got %+v, %v, want the digest %s", m, err, want)
	}
	if !p.sent("HEAD /v1/uploads/") || !strings.Contains(stderr, "again") {
		t.Errorf("the upload did not break, or its client did not ask where it goes on: %s", stderr)
	}
}

// testUploadToOlderServer: a server that does not know the fields of uploads that go on gets the file as a whole.
func (b *clientBundle) testUploadToOlderServer(t *testing.T) {
	target, err := url.Parse(b.server())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	var others atomic.Int64
	older := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead || r.Method == http.MethodPatch {
			others.Add(1)
		}
		r.Header.Del("Upload-Complete")
		r.Header.Del("Upload-Length")
		proxy.ServeHTTP(w, r)
	}))
	defer older.Close()
	file := writeMatrix(t, 1024, 1024, matrix.Float64, false)
	id, _ := b.ok(t, "upload", file, "--server="+older.URL)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.api.Matrix(t.Context(), strings.TrimSpace(id))
	if want := fmt.Sprintf("sha-256:%x", sha256.Sum256(content)); err != nil || m.Digest == nil || *m.Digest != want {
		t.Errorf("got %+v, %v, want the digest %s", m, err, want)
	}
	if n := others.Load(); n != 0 {
		t.Errorf("%d requests to an upload that goes on, want none", n)
	}
}

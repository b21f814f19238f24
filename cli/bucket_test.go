package cli_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/matrix"
)

// TestBlocksInABucket: what is uploaded and computed is in a bucket, and is right. While the bucket is unavailable a tile
// waits for it without losing an attempt.
func TestBlocksInABucket(t *testing.T) {
	t.Parallel()
	bucket := s3server.Start(t)
	var away atomic.Bool
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", bucket
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	d := deploy(t)
	address := fmt.Sprintf("s3://%s/%s?endpoint=%s", s3server.Bucket, uuid.New(), url.QueryEscape(front.URL))
	d.env = append(d.env[:1], "MILLRACE_BLOCKS="+address)
	d.startAPI()
	worker := d.startWorker()
	const n = 700
	m, err := d.api.Upload(t.Context(), writeMatrix(t, n, n, matrix.Float64, false), func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	id := "id:" + m.ID
	output := filepath.Join(t.TempDir(), "C.npy")
	if _, stderr, code := run(t, d.env, "multiply", "--server="+d.server, id, id, "-o", output); code != 0 {
		t.Fatalf("multiply: code %d, %q, want 0", code, stderr)
	}
	checkSquare(t, output, n)
	unread, err := d.api.Upload(t.Context(), writeMatrix(t, n, n+1, matrix.Float64, false), func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	away.Store(true)
	next := d.api.submit(fmt.Sprintf(`{"a": {"matrix_id": %q}, "b": {"matrix_id": %q}}`, m.ID, unread.ID))
	worker.untilLogs("a job is postponed")
	away.Store(false)
	if m := d.completesNow(next); m.Attempts != 1 || len(m.Errors) != 0 {
		t.Errorf("%d attempts and the errors %+v, want 1 and none", m.Attempts, m.Errors)
	}
}

// checkSquare checks some elements of a file with the square of what writeMatrix writes.
func checkSquare(t *testing.T, path string, n int) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content := file[len(file)-8*n*n:]
	element := func(i, j int) float64 { return float64((7*i+3*j)%11 - 5) }
	for _, at := range [][2]int{{0, 0}, {n - 1, 0}, {0, n - 1}, {n - 1, n - 1}, {300, 400}, {511, 512}} {
		want := 0.0
		for k := range n {
			want += element(at[0], k) * element(k, at[1])
		}
		if got := math.Float64frombits(binary.LittleEndian.Uint64(content[8*(at[0]*n+at[1]):])); got != want {
			t.Errorf("element %v = %g, want %g", at, got, want)
		}
	}
}

// TestKilledOutput: operands and output of a command are in a bucket. A worker that is killed while it writes leaves
// nothing to see; the next one writes the object, and aborts what the first has begun.
func TestKilledOutput(t *testing.T) {
	t.Parallel()
	proxy := s3server.NewProxy(t)
	raw := s3server.Raw(t)
	prefix := uuid.NewString()
	const n = 700
	file, err := os.ReadFile(writeMatrix(t, n, n, matrix.Float64, false))
	if err != nil {
		t.Fatal(err)
	}
	s3server.Put(t, raw, prefix+"/a.npy", file)
	d := deploy(t)
	allowed := strings.Replace(proxy.Address, "?", "/"+prefix+"?", 1) + "=read,write"
	d.env = append(d.env, "MILLRACE_S3_ALLOW=elsewhere=read "+allowed)
	d.startAPI()
	writing := make(chan struct{}, 10)
	proxy.Set(func(_ int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut {
			_, _ = io.Copy(io.Discard, r.Body)
			writing <- struct{}{}
			<-r.Context().Done()
			return
		}
		pass.ServeHTTP(w, r)
	})
	worker := d.startWorker()
	object := func(name string) string { return "s3://" + s3server.Bucket + "/" + prefix + "/" + name }
	id, stderr, code := run(t, d.env, "multiply", "--detach", "--server="+d.server, object("a.npy"), object("a.npy"),
		"-o", object("c.npy"))
	if code != 0 {
		t.Fatalf("multiply: code %d, %q, want 0", code, stderr)
	}
	<-writing
	worker.signal(os.Kill)
	_ = worker.wait()
	if got, _ := s3server.Get(t, raw, prefix+"/c.npy"); got != nil || s3server.Uploads(t, raw, prefix) != 1 {
		t.Errorf("after the kill there is an object of %d bytes, and %d uploads, want none and one", len(got),
			s3server.Uploads(t, raw, prefix))
	}
	proxy.Set(nil)
	d.startWorker()
	d.completesNow(strings.TrimSpace(id))
	got, _ := s3server.Get(t, raw, prefix+"/c.npy")
	output := filepath.Join(t.TempDir(), "C.npy")
	if err := os.WriteFile(output, got, 0o600); err != nil {
		t.Fatal(err)
	}
	checkSquare(t, output, n)
	if left := s3server.Uploads(t, raw, prefix); left != 0 {
		t.Errorf("%d uploads are left, want none", left)
	}
}
